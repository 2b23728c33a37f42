"""What in the header of a JPEG says that it cannot be sent as it is."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from worker.jobs.exif_marks import PREFIX, orientation_of
from worker.jobs.icc_marks import PROFILE_BYTES_MAX, is_srgb
from worker.jobs.image_sizes import (
    JPEG_FRAMES,
    JPEG_SCAN,
    Head,
    NoSizeError,
    Size,
    jpeg_segments,
)

_APP1, _APP2 = 0xE1, 0xE2
_ICC: Final = b"ICC_PROFILE\0"
_USUAL_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive, with Huffman codes: what every decoder reads."""

_PROGRESSIVE_FRAMES: Final = frozenset({0xC2, 0xC6, 0xCA, 0xCE})


def jpeg_marks(head: Head) -> tuple[Size, tuple[str, ...]]:
    """The size, and why a photo lab has to look at it, in a few words each; empty when it is fine.

    EXIF, profiles and previews stand before the picture; nothing behind its beginning is read.
    Raises NoSizeError.
    """
    found = _Header()
    for marker, position in jpeg_segments(head):
        if marker == JPEG_SCAN:
            found.has_scan = True
        elif marker in JPEG_FRAMES and found.size is None and head.have(position + 10):
            height_px, width_px = struct.unpack_from(">HH", head.data, position + 5)
            found.size = (width_px, height_px)
            found.marks = _marks_of_frame(marker, head.data[position + 4], head.data[position + 9])
        elif marker in {_APP1, _APP2}:
            (length,) = struct.unpack_from(">H", head.data, position + 2)
            head.have(position + 2 + length)
            found.add(marker, bytes(head.data[position + 4 : position + 2 + length]))
    if found.size is None:
        raise NoSizeError("a JPEG without a frame header")
    return found.size, found.all_marks()


def is_in_one_scan(head: Head) -> bool:
    """Whether the first scan has the whole picture; false also where that cannot be told.

    Of any other JPEG a decoder holds every coefficient, in full size, until the last scan.
    """
    components: int | None = None
    for marker, position in jpeg_segments(head):
        if marker in _PROGRESSIVE_FRAMES:
            return False
        if marker in JPEG_FRAMES and head.have(position + 10):
            components = head.data[position + 9]
        elif marker == JPEG_SCAN and head.have(position + 5):
            return components is not None and head.data[position + 4] >= components
    return False


@dataclass(slots=True)
class _Header:
    """What of the segments counts, as far as it was read."""

    size: Size | None = None
    marks: tuple[str, ...] = ()
    has_scan: bool = False
    orientation: int = 1
    profile: list[bytes] = field(default_factory=list)
    profile_bytes: int = 0

    def add(self, marker: int, content: bytes) -> None:
        """A segment of an application. The first that names an orientation counts."""
        if marker == _APP1 and content.startswith(PREFIX) and self.orientation == 1:
            self.orientation = orientation_of(content)
        elif marker == _APP2 and content.startswith(_ICC):
            self.profile_bytes += len(content)
            if self.profile_bytes <= PROFILE_BYTES_MAX:
                self.profile.append(content[len(_ICC) :])

    def all_marks(self) -> tuple[str, ...]:
        """Those of the frame, and of what stood around it."""
        if not self.has_scan:
            return ("its header has no end",)
        marks = self.marks
        if self.orientation != 1:
            marks += ("EXIF orientation",)
        if self.profile_bytes and not is_srgb(_joined(self.profile)):
            marks += ("colour profile",)
        return marks


def _marks_of_frame(marker: int, precision: int, components: int) -> tuple[str, ...]:
    marks: tuple[str, ...] = ()
    if marker not in _USUAL_FRAMES:
        marks += ("unusual coding",)
    if precision != 8:
        marks += (f"{precision} bits",)
    if components not in {1, 3}:
        marks += ("CMYK",)
    return marks


def _joined(parts: list[bytes]) -> bytes:
    """A profile out of its numbered parts (Source: ICC.1:2022, B.4: number, count, data)."""
    return b"".join(part[2:] for part in sorted(parts, key=lambda part: part[:1]))
