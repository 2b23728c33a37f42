"""A list of host names as people write it: exact names, and domains with all below them."""

from collections.abc import Iterable


def plain_host(host: str) -> str:
    """A host as it is compared: lower case, without brackets and without the dot of the root."""
    return host.strip("[]").rstrip(".").lower()


class HostList:
    """`cdn.example.com` is that host; `.example.com` and `*.example.com` are all hosts below it."""

    def __init__(self, entries: Iterable[str]) -> None:
        names = [entry.strip().lower().removeprefix("*").rstrip(".") for entry in entries]
        self._exact = frozenset(name for name in names if name and not name.startswith("."))
        self._suffixes = tuple(name for name in names if name.startswith("."))

    def __contains__(self, host: str) -> bool:
        """Whether the list covers a host, which is given as `plain_host` makes it."""
        return host in self._exact or (bool(self._suffixes) and host.endswith(self._suffixes))
