"""What kind of picture some bytes are, decided by the bytes and never by a name.

Only headers are read: no pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
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


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an image, from its first bytes."""

    content_type: str
    width_px: int
    height_px: int


class HeaderIncompleteError(ValueError):
    """The bytes begin like an image, but the size is not among them yet: give more."""


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
    wanted = _HEAD_BYTES
    while True:
        while len(head) < wanted and (chunk := read(wanted - len(head))):
            head += chunk
        try:
            return bytes(head), read_header(bytes(head))
        except HeaderIncompleteError as error:
            if len(head) < wanted or wanted >= _HEAD_BYTES_MAX:
                raise NotAnImageError(f"damaged header: {error}", bytes(head[:8])) from error
        wanted *= 4


def read_header(data: bytes) -> ImageHeader:
    """Format and size (pixels) of the image that begins with `data`.

    Raises NotAnImageError, or HeaderIncompleteError when more bytes may settle it (a JPEG can
    carry megabytes of EXIF or colour profile in front of its size).
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
