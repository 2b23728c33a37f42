"""What kind of picture some bytes are, decided by the bytes and never by a name.

Only headers are read: no pixel is decoded and no metadata unpacked, so a decompression bomb costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.image_sizes import (
    Head,
    NoSizeError,
    Size,
    avif_size,
    gif_size,
    jpeg_size,
    png_size,
    webp_size,
)

INPUT_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
"""What goes to Hautech (hautech-api notes, section 13: PNG and JPEG upload fine, WebP is assumed)."""

_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an image, from its first bytes."""

    content_type: str
    width_px: int
    height_px: int


class NotAnImageError(ValueError):
    """The bytes are no whole header of a PNG, JPEG, WebP, GIF or AVIF. `head` is how they begin."""

    def __init__(self, message: str, head: bytes = b"") -> None:
        super().__init__(message)
        self.head = head


def read_head(read: Callable[[int], bytes]) -> tuple[bytes | None, ImageHeader]:
    """The first bytes of an image, as many as it takes to know its size, and what they say.

    They are None where so many were read that they are not worth keeping (half a megabyte). `read`
    gives up to so many bytes more, b"" at the end. Raises NotAnImageError; what `read` raises comes
    through.
    """
    head = GrowingHead(read)
    head.have_some()
    begin = bytes(head.data[:8])
    format_ = _format_of(bytes(head.data[:12]))
    if format_ is None:
        raise NotAnImageError("no signature of an image", begin)
    content_type, size_of = format_
    try:
        width_px, height_px = size_of(head)
    except NoSizeError as error:
        raise NotAnImageError(f"damaged header: {error}", begin) from error
    return head.kept(), ImageHeader(content_type, width_px, height_px)


def _format_of(begin: bytes) -> tuple[str, Callable[[Head], Size]] | None:
    """Content type and reader of the format whose signature `begin` (12 bytes) has."""
    if begin.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", png_size
    if begin.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", jpeg_size
    if begin.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif", gif_size
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "image/webp", webp_size
    if begin[4:12] in {b"ftypavif", b"ftypavis"}:
        return "image/avif", avif_size
    return None


class GrowingHead:
    """What was read so far, and the way to more of it."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.data = bytearray()
        self.read_bytes = 0

    def have_some(self) -> None:
        """As much as is always read; most headers are shorter."""
        self.have(_HEAD_BYTES)

    def kept(self) -> bytes | None:
        """All that was read; None when a part of it is forgotten."""
        return bytes(self.data) if len(self.data) == self.read_bytes else None

    def have(self, size_bytes: int) -> bool:
        """See `Head.have`."""
        # Never a few bytes: a hostile JPEG asks for its megabytes one by one.
        while (missing := size_bytes - len(self.data)) > 0 and (
            chunk := self._read(max(_HEAD_BYTES, missing))
        ):
            self.data.extend(chunk)
            self.read_bytes += len(chunk)
        return len(self.data) >= size_bytes
