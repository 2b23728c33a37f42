"""What kind of picture some bytes are, decided by the bytes and never by a name.

Only headers are read: no pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

CONTENT_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
"""Formats that are recognised."""

INPUT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
"""What goes to Hautech (hautech-api notes, section 13: PNG and JPEG upload fine, WebP is assumed)."""

_HEAD_BYTES = 64 * 1024
_HEAD_BYTES_MAX = 8 * 1024 * 1024
"""EXIF, colour profiles and previews may push the size of a JPEG megabytes back."""

_JPEG_SEGMENTS_MAX = 2_000
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF markers; the three others define tables (Source: ITU-T T.81, table B.1)."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an image, from its first bytes."""

    content_type: str
    width_px: int
    height_px: int


class HeaderIncompleteError(ValueError):
    """The bytes begin like an image, but the size is not among them."""


class NotAnImageError(ValueError):
    """The bytes are no PNG, JPEG, WebP, GIF or AVIF. `head` is how they begin."""

    def __init__(self, message: str, head: bytes = b"") -> None:
        super().__init__(message)
        self.head = head


def read_head(read: Callable[[int], bytes]) -> tuple[bytes, ImageHeader]:
    """The first bytes of an image, as many as it takes to know its size, and what they say.

    `read` gives up to so many bytes more, b"" at the end. Raises NotAnImageError; what `read`
    raises comes through.
    """
    head = bytearray()

    def have(size: int) -> bool:
        while len(head) < size and (chunk := read(max(_HEAD_BYTES, size) - len(head))):
            head.extend(chunk)
        return len(head) >= size

    have(_HEAD_BYTES)
    if head.startswith(b"\xff\xd8\xff"):
        header = _walk_jpeg(head, have)
    else:
        try:
            header = read_header(bytes(head))
        except HeaderIncompleteError as error:
            raise NotAnImageError(f"damaged header: {error}", bytes(head[:8])) from error
    return bytes(head), header


def _walk_jpeg(head: bytearray, have: Callable[[int], bool]) -> ImageHeader:
    """Follow a JPEG's segments to its frame header, which has the size.

    Each byte is looked at once: Pillow begins again with every chunk, and a file of empty
    segments then costs seconds. Source: ITU-T T.81, annex B.
    """
    position = 2
    for _ in range(_JPEG_SEGMENTS_MAX):
        while have(position + 2) and head[position + 1] == 0xFF and position < _HEAD_BYTES_MAX:
            position += 1  # fill bytes
        if position >= _HEAD_BYTES_MAX or not have(position + 4) or head[position] != 0xFF:
            break
        marker = head[position + 1]
        if marker in _JPEG_FRAMES and have(position + 9):
            height_px, width_px = struct.unpack_from(">HH", head, position + 5)
            return ImageHeader("image/jpeg", width_px, height_px)
        if marker in {0xD9, 0xDA}:
            break  # the end, or the picture itself, without a frame header before it
        (length,) = struct.unpack_from(">H", head, position + 2)
        position += 2 + max(2, length)
    raise NotAnImageError("damaged header: a JPEG without a frame header", bytes(head[:8]))


def read_header(data: bytes) -> ImageHeader:
    """Format and size (pixels) of the image that begins with `data`.

    Raises NotAnImageError, or HeaderIncompleteError when the size is not in these bytes.
    """
    if not looks_like_image(data):
        raise NotAnImageError("no signature of an image", data[:8])
    try:
        with warnings.catch_warnings():
            # Absurd sizes are refused by our own limit, with an error that names it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(CONTENT_TYPES)) as image:
                width_px, height_px = image.size
                content_type = CONTENT_TYPES[image.format or ""]
    except Image.DecompressionBombError as error:
        raise NotAnImageError(f"absurd size: {error}", data[:8]) from error
    except UnidentifiedImageError as error:
        raise HeaderIncompleteError("the header ends early or is damaged") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError) as error:
        raise HeaderIncompleteError(str(error) or type(error).__name__) from error
    return ImageHeader(content_type, width_px, height_px)


def looks_like_image(data: bytes) -> bool:
    """Whether `data` (12 bytes or more) begins with the signature of a format that we recognise."""
    return (
        data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
        or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
        or data[4:12] in {b"ftypavif", b"ftypavis"}
    )
