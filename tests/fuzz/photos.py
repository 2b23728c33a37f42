"""Photos, whoever made them: the first look at one, and one through the lab."""

from __future__ import annotations

import io
import struct
from typing import Any

import pillow_heif
from PIL import Image

from tests.fuzz.target import Target
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.photo_lab.matrix_profile import P3, matrix_profile
from worker.errors import ImageError
from worker.jobs.images import NotAnImageError
from worker.jobs.photo_look import PHOTO_NAMES, look_at
from worker.ports.photos import PhotoLimits

_MOST_BYTES = 8 * 1024 * 1024 + 128 * 1024
_LIMITS = PhotoLimits(max_bytes=400_000, max_side_px=64, max_source_pixels=250_000)
_LAB = PillowPhotoLab(memory_bytes=None)


def check_look(data: bytes) -> None:
    """A look or one error; little is read."""
    stream = io.BytesIO(data)
    try:
        look = look_at(stream.read)
    except NotAnImageError as error:
        assert str(error)
        return
    finally:
        assert stream.tell() <= _MOST_BYTES
    assert look.head is None or data.startswith(look.head)
    assert look.content_type in PHOTO_NAMES
    assert look.marks or look.header is not None


def check_lab(data: bytes) -> None:
    """A clean photo within the limits, an image error, or nothing to do; no other end."""
    try:
        look = look_at(io.BytesIO(data).read)
    except NotAnImageError:
        return
    try:
        photo = _LAB.develop(io.BytesIO(data), look.content_type, _LIMITS, io.BytesIO())
    except ImageError as error:
        assert error.message.isprintable()
        return
    if photo is None:
        assert look.header is not None
        return
    with photo.body as body:
        body.seek(0)
        out = body.read()
    assert len(out) == photo.size_bytes <= _LIMITS.max_bytes
    assert max(photo.width_px, photo.height_px) <= _LIMITS.max_side_px
    assert look_at(io.BytesIO(out).read).marks == ()
    assert photo.changes
    assert all(change.isprintable() for change in photo.changes)


def _photo(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (80, 12), 90 if mode in {"L", "P", "1", "I;16"} else None).save(
        file, kind, **options
    )
    return file.getvalue()


pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
_SIDEWAYS = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
_WIDE = matrix_profile(P3)

_SEEDS = (
    _photo("JPEG"),
    _photo("JPEG", exif=_SIDEWAYS),
    _photo("JPEG", "CMYK"),
    _photo("JPEG", progressive=True),
    _photo("PNG", exif=_SIDEWAYS),
    _photo("PNG", "RGBA"),
    _photo("PNG", "LA"),
    _photo("PNG", "P", transparency=0),
    _photo("PNG", "I;16"),
    _photo("PNG", "1"),
    _photo("GIF"),
    _photo("TIFF", compression="tiff_lzw"),
    _photo("TIFF", "CMYK"),
    _photo("TIFF", "LAB"),
    _photo("TIFF", "I;16"),
    _photo("WEBP"),
    _photo("WEBP", "RGBA", lossless=True),
    _photo("AVIF"),
    _photo("HEIF"),
    _photo("JPEG", icc_profile=_WIDE),
    _photo("PNG", icc_profile=_WIDE),
)

TARGETS = (
    Target("photo-look", check_look, share=28, seeds=_SEEDS),
    Target("photo-lab", check_lab, share=3, seeds=_SEEDS, max_bytes=16_384),
)
