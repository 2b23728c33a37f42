"""Writes a folder into a zip whose bytes depend on nothing but names and contents."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip can hold."""

_UNIX: Final = 3
_READABLE_FILE: Final = 0o100644 << 16
"""For everybody: Lambda runs functions as a user that owns none of the files."""

COMPRESSION_LEVEL: Final = 6


def write_zip(folder: Path, zip_path: Path, *, level: int = COMPRESSION_LEVEL) -> None:
    """Packs all files of the folder in the order of their names. Level 0 compresses nothing.

    Another build of zlib may compress to other bytes; what is unpacked is the same.
    """
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    with zipfile.ZipFile(zip_path, "w") as archive:
        for name, path in files:
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE_FILE
            archive.writestr(
                entry,
                path.read_bytes(),
                compress_type=zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED,
                compresslevel=level or None,
            )
