"""Recognises image files by their bytes, and whether the bytes end where the file should end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 16
TAIL_BYTES: Final = 64

_PNG_END: Final = b"\x00\x00\x00\x00IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class ImageKind:
    """A file format.

    Attributes:
        content_type: MIME type.
        extension: File name extension without dot.
        is_whole: Whether a file with this head, this tail and this size in bytes is complete.
            None for formats whose end cannot be seen.
    """

    content_type: str
    extension: str
    is_whole: Callable[[bytes, bytes, int], bool] | None


def _png_is_whole(_head: bytes, tail: bytes, _size_bytes: int) -> bool:
    return tail.endswith(_PNG_END)


def _jpeg_is_whole(_head: bytes, tail: bytes, _size_bytes: int) -> bool:
    # Some encoders pad the file with zeros after the end marker.
    return tail.rstrip(b"\x00").endswith(b"\xff\xd9")


def _webp_is_whole(head: bytes, _tail: bytes, size_bytes: int) -> bool:
    # RIFF: the length field counts what follows it, and chunks are padded to even lengths.
    announced_bytes = int.from_bytes(head[4:8], "little") + 8
    return size_bytes >= announced_bytes


def _gif_is_whole(_head: bytes, tail: bytes, _size_bytes: int) -> bool:
    return tail.rstrip(b"\x00").endswith(b";")


PNG: Final = ImageKind("image/png", "png", _png_is_whole)
JPEG: Final = ImageKind("image/jpeg", "jpg", _jpeg_is_whole)
WEBP: Final = ImageKind("image/webp", "webp", _webp_is_whole)
GIF: Final = ImageKind("image/gif", "gif", _gif_is_whole)
AVIF: Final = ImageKind("image/avif", "avif", None)


def sniff_image(head: bytes) -> ImageKind | None:
    """The format of a file that begins with `head` (16 bytes are enough); None if unknown.

    Source: the formats' own specifications (PNG signature, JPEG SOI, RIFF/WEBP, GIF87a/89a,
    ISO BMFF brand).
    """
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if head[4:12] in {b"ftypavif", b"ftypavis"}:
        return AVIF
    return None
