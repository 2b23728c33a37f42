"""What kind of picture some bytes are, decided by the bytes and never by a name.

Only headers are read: no pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Formats that go to Hautech and come back (hautech-api notes, section 13: PNG and JPEG upload
fine, WebP is assumed)."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an image, from its first bytes."""

    content_type: str
    width_px: int
    height_px: int


class HeaderIncompleteError(ValueError):
    """The bytes begin like an image, but the size is not among them yet: give more."""


class NotAnImageError(ValueError):
    """The bytes are no PNG, JPEG or WebP."""


def read_header(data: bytes) -> ImageHeader:
    """Format and size (pixels) of the PNG, JPEG or WebP that begins with `data`.

    Raises NotAnImageError, or HeaderIncompleteError when more bytes may settle it (a JPEG can
    carry megabytes of EXIF or colour profile in front of its size).
    """
    if not looks_like_image(data):
        raise NotAnImageError("no PNG, JPEG or WebP signature")
    try:
        with warnings.catch_warnings():
            # Absurd sizes are refused by our own limit, with an error that names it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=tuple(CONTENT_TYPES)) as image:
                width_px, height_px = image.size
                content_type = CONTENT_TYPES[image.format or ""]
    except Image.DecompressionBombError as error:
        raise NotAnImageError(f"absurd size: {error}") from error
    except UnidentifiedImageError as error:
        raise HeaderIncompleteError("the header ends early or is damaged") from error
    except (OSError, SyntaxError, ValueError, EOFError, KeyError) as error:
        raise HeaderIncompleteError(str(error) or type(error).__name__) from error
    return ImageHeader(content_type, width_px, height_px)


def looks_like_image(data: bytes) -> bool:
    """Whether `data` (12 bytes or more) begins with a PNG, JPEG or WebP signature."""
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    )
