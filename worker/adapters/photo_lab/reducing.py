"""A smaller copy of a picture: read, made upright and sRGB, scaled down, saved as WebP or JPEG."""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, Final

from PIL import Image

from worker.adapters.photo_lab.developing import upright_srgb
from worker.adapters.photo_lab.memory import MemoryBudget
from worker.adapters.photo_lab.reading import read_photo
from worker.ports.photos import PhotoLimits, ReducedPicture, Reduction

_ALL_OF_IT: Final = PhotoLimits(
    max_bytes=sys.maxsize, max_side_px=sys.maxsize, max_source_pixels=sys.maxsize
)
"""The memory that there is limits a picture, and nothing else: it was weighed when it was fetched."""


def reduce(
    source: BinaryIO, content_type: str, wanted: Reduction, memory: MemoryBudget
) -> ReducedPicture:
    """See `PhotoLab.reduce`."""
    image, photo = read_photo(source, content_type, _ALL_OF_IT, memory)
    image = upright_srgb(image, photo)
    if image.width > wanted.width_px:
        height_px = max(1, round(image.height * wanted.width_px / image.width))
        size = (wanted.width_px, height_px)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.info = {}  # Pillow would write profiles and texts of the source along
    file = io.BytesIO()
    if wanted.format == "jpeg":
        image.save(file, "JPEG", quality=wanted.quality, progressive=True, optimize=True)
    else:
        image.save(file, "WEBP", quality=wanted.quality)
    return ReducedPicture(
        data=file.getvalue(),
        content_type=f"image/{wanted.format}",
        width_px=image.width,
        height_px=image.height,
    )
