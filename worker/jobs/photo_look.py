"""A first look at a photo: its format, and whether it can be sent to Hautech as it is.

Only the beginning is read, and never with an imaging library: a clean photo needs none.

    clean       JPEG or PNG, 8 bits, grey or RGB, sRGB or silent about colours, upright, opaque
    for the lab everything else that is a photo: it has to be decoded to know, or to be converted
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.image_sizes import NoSizeError, png_size
from worker.jobs.images import GrowingHead, ImageHeader, NotAnImageError
from worker.jobs.jpeg_marks import jpeg_marks
from worker.jobs.png_marks import png_marks

PHOTO_NAMES = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/heic": "HEIC",
    "image/avif": "AVIF",
}
"""What is taken, by the names that people know."""

TAKEN = "JPEG, PNG, WebP, HEIC, AVIF, TIFF or GIF"

_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_BRANDS_BYTES_MAX = 256


@dataclass(frozen=True, slots=True)
class PhotoLook:
    """What the beginning of a photo says.

    Attributes:
        head: the bytes that were read; None when they were too many to be kept.
        content_type: by the bytes; a key of `PHOTO_NAMES`.
        header: its size; None where only a library can tell.
        marks: why it cannot be sent as it is, in a few words each. Empty: it can.
    """

    head: bytes | None
    content_type: str
    header: ImageHeader | None
    marks: tuple[str, ...]


def look_at(read: Callable[[int], bytes]) -> PhotoLook:
    """Look at a photo that `read` gives up to so many bytes more of, b"" at the end.

    Raises NotAnImageError; what `read` raises comes through.
    """
    head = GrowingHead(read)
    head.have_some()
    content_type = photo_type(bytes(head.data[:_BRANDS_BYTES_MAX]))
    if content_type is None:
        raise NotAnImageError("no signature of an image", bytes(head.data[:8]))
    if content_type not in {"image/jpeg", "image/png"}:
        mark = (f"{PHOTO_NAMES[content_type]}",)
        return PhotoLook(head.kept(), content_type, None, mark)
    begin = bytes(head.data[:8])
    try:
        if content_type == "image/png":
            (width_px, height_px), marks = png_size(head), png_marks(head)
        else:
            (width_px, height_px), marks = jpeg_marks(head)
    except NoSizeError as error:
        raise NotAnImageError(f"damaged header: {error}", begin) from error
    header = ImageHeader(content_type, width_px, height_px)
    return PhotoLook(head.kept(), content_type, header, marks)


def photo_type(begin: bytes) -> str | None:
    """The content type by the first bytes (256 are enough), or None for what is not taken."""
    if begin.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if begin.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if begin.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "image/webp"
    if begin.startswith((b"II*\0", b"MM\0*")):
        return "image/tiff"
    return _by_brands(begin) if begin[4:8] == b"ftyp" else None


def _by_brands(begin: bytes) -> str | None:
    """An AVIF names itself among its brands, first or later; a HEIC then is what else has pictures.

    Source: ISO/IEC 14496-12, 4.3; ISO/IEC 23008-12, annex B; AVIF 1.1, 6.
    """
    end = min(int.from_bytes(begin[:4], "big"), len(begin))
    brands = {begin[8:12], *(begin[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _HEIC_BRANDS else None
