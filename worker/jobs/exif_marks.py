"""What an EXIF block says about how a photo is to be shown, read without unpacking the rest of it."""

from __future__ import annotations

import struct
from typing import Final

PREFIX: Final = b"Exif\0\0"
"""Stands before the block in a JPEG, and in files of some makers elsewhere."""

_ORIENTATION: Final = 0x0112
_GPS: Final = 0x8825
_SHORT, _LONG = 3, 4
_ENTRY_BYTES: Final = 12


def orientation_of(exif: bytes) -> int:
    """How the camera was held: 1 (upright, also when the block does not say) to 8.

    Source: EXIF 2.32, 4.6.4 (tag 0x0112); TIFF 6.0, section 2 (header and directory).
    """
    value = _first_directory(exif).get(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def names_a_place(exif: bytes) -> bool:
    """Whether the block says where the photo was taken."""
    return _GPS in _first_directory(exif)


def _first_directory(exif: bytes) -> dict[int, int]:
    """Tags of the first directory whose value is one whole number. Empty for a damaged block."""
    block = exif.removeprefix(PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return {}
    (begin,) = struct.unpack_from(order + "I", block, 4)
    if begin + 2 > len(block):
        return {}
    (count,) = struct.unpack_from(order + "H", block, begin)
    found: dict[int, int] = {}
    for number in range(min(count, (len(block) - begin - 2) // _ENTRY_BYTES)):
        at = begin + 2 + number * _ENTRY_BYTES
        tag, kind, values = struct.unpack_from(order + "HHI", block, at)
        if values == 1 and kind in {_SHORT, _LONG}:
            form = order + ("H" if kind == _SHORT else "I")
            (value,) = struct.unpack_from(form, block, at + 8)
            found.setdefault(tag, value)
    return found
