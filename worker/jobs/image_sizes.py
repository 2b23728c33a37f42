"""Where each format keeps the size of its picture: read there, and nowhere else.

Four formats have it at a known place among their first bytes, or behind segments that can be
skipped. Nothing is unpacked on the way: a text or a colour profile of a PNG can grow a thousandfold
when it is, and may stand between the start and the picture in any length.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Protocol

HEAD_BYTES_MAX = 8 * 1024 * 1024
"""EXIF, colour profiles and previews may push the size of a JPEG megabytes back."""

_JPEG_SEGMENTS_MAX = 2_000
_JPEG_KEPT_BYTES = 512 * 1024
"""So much of the start of a JPEG is kept while its size is looked for, then the skipped segments go:
several at once, of eight megabytes each, would fill the memory of a small process."""
_FILL_BYTES = re.compile(rb"\xff+")
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers; the three others define tables (Source: ITU-T T.81, table B.1)."""

JPEG_SCAN = 0xDA
_JPEG_END = 0xD9

Size = tuple[int, int]
"""Width and height, in pixels."""


class Head(Protocol):
    """The first bytes of a file, of which more can be had.

    Who reads them may delete what he is done with from their beginning.
    """

    data: bytearray

    def have(self, size_bytes: int) -> bool:
        """Whether `data` has so many bytes now; false when the file is shorter."""


class NoSizeError(ValueError):
    """The size is not where it has to be; says what is wrong, in a few words."""


def png_size(head: Head) -> Size:
    """The size in the first chunk (Source: PNG specification, 11.2.1: IHDR comes first)."""
    _need(head, 33)
    data = head.data
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise NoSizeError("the first chunk is not IHDR")
    width_px, height_px, checksum = struct.unpack_from(">II5xI", data, 16)
    if zlib.crc32(data[12:29]) != checksum:
        raise NoSizeError("the checksum of IHDR is wrong")
    return width_px, height_px


def gif_size(head: Head) -> Size:
    """The logical screen (Source: GIF89a specification, 18)."""
    _need(head, 13)
    width_px, height_px = struct.unpack_from("<HH", head.data, 6)
    return width_px, height_px


def webp_size(head: Head) -> Size:
    """The canvas, or the one frame (Source: RFC 9649, 2.5 to 2.7; RFC 6386, 9.1)."""
    _need(head, 30)
    data, kind = head.data, bytes(head.data[12:16])
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width_px, height_px = struct.unpack_from("<HH", data, 26)
        return width_px & 0x3FFF, height_px & 0x3FFF
    raise NoSizeError("the first chunk is not VP8, VP8L or VP8X")


def jpeg_size(head: Head) -> Size:
    """The size in the frame header, behind any number of segments."""
    for marker, position in jpeg_segments(head):
        if marker in JPEG_FRAMES and head.have(position + 9):
            height_px, width_px = struct.unpack_from(">HH", head.data, position + 5)
            return width_px, height_px
        if marker == JPEG_SCAN:
            break  # the picture itself, without a frame header before it
    raise NoSizeError("a JPEG without a frame header")


def jpeg_segments(head: Head) -> Iterator[tuple[int, int]]:
    """Marker and position (of its 0xFF) of each segment, up to the first scan, that one included.

    A position is good until the next segment is asked for: what is behind may be forgotten then.
    Ends early where the header breaks off or is absurdly long. Each byte is looked at once: Pillow
    begins again with every chunk, and a file of empty segments then costs seconds. Source: ITU-T
    T.81, annex B.
    """
    data, have = head.data, head.have
    gone_bytes, position = 0, 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        while (
            gone_bytes + position < HEAD_BYTES_MAX
            and have(position + 2)
            and data[position + 1] == 0xFF
        ):
            # All that are there at once: one at a time, megabytes of them cost seconds.
            fill = _FILL_BYTES.match(data, position + 1)
            position = fill.end() - 1 if fill else position + 1
            gone_bytes, position = _forget_before(position, data, gone_bytes)
        gone_bytes, position = _forget_before(position, data, gone_bytes)
        if gone_bytes + position >= HEAD_BYTES_MAX or not have(position + 4):
            return
        if data[position] != 0xFF:
            return
        marker = data[position + 1]
        if marker == _JPEG_END:
            return
        yield marker, position
        if marker == JPEG_SCAN:
            return
        (length,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + max(2, length)


def _forget_before(position: int, data: bytearray, gone_bytes: int) -> tuple[int, int]:
    """Deletes what a JPEG reader is done with, if that is much; how much is gone, and where it is."""
    if not _JPEG_KEPT_BYTES < position <= len(data):
        return gone_bytes, position
    del data[:position]
    return gone_bytes + position, 0


def avif_size(head: Head) -> Size:
    """The size that libavif finds, in the first bytes, or in 8 MiB when these are too few.

    It is boxes within boxes: left to the library. Nothing is decoded.
    """
    try:
        return _pillow_size(bytes(head.data))
    except NoSizeError:
        known_bytes = len(head.data)
        head.have(HEAD_BYTES_MAX)
        if len(head.data) == known_bytes:
            raise
    return _pillow_size(bytes(head.data))


def _pillow_size(data: bytes) -> Size:
    # Only an AVIF needs it, and few are: it would be a good part of every cold start on Lambda.
    from PIL import Image  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # Absurd sizes are refused by our own limits, with errors that name them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("AVIF",)) as image:
                return image.size
    except Image.DecompressionBombError as error:
        raise NoSizeError(f"absurd size: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, RuntimeError) as error:
        # RuntimeError is what Pillow makes of most of libavif's own errors.
        raise NoSizeError("the boxes end early or are damaged") from error


def _need(head: Head, size_bytes: int) -> None:
    if not head.have(size_bytes):
        raise NoSizeError("it ends early")
