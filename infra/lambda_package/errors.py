"""What may keep a package from being made; each message says what to change."""


class PackageError(Exception):
    """The package could not be made; says why, and what to do."""
