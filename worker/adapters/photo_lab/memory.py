"""How much memory a photo takes on its way, measured once, and whether there is as much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image, TiffImagePlugin

from worker.errors import ImageTooLargeError, UnavailableError

_PER_PIXEL: Final = {"JPEG": 8, "PNG": 8, "GIF": 9, "TIFF": 9, "HEIF": 11, "AVIF": 12, "WEBP": 17}
"""Bytes at the peak. Pillow keeps a pixel in 4; most steps need the picture twice, and some
decoders a copy or two of their own. The figures and how they were measured: decision 32."""

_COEFFICIENTS: Final = 8
_READ_ONCE: Final = 4
"""Of a JPEG in several scans every coefficient is held until the last one, two bytes a channel, in full
size however small the picture is read. By then there is one copy of the picture itself."""

_ONE_MORE: Final = 4
"""Where something is seen through, there is white paper below it; CMYK may be upside down."""

_CONSTANT_BYTES: Final = 24 * 1024 * 1024
_READ_WHOLE: Final = frozenset({"HEIF", "AVIF", "WEBP", "TIFF"})
"""Their decoders take the whole file into memory."""

_TILE_SIZE: Final = (322, 323)
_BITS: Final = 258
_AS_RGBA: Final = 4
"""Tags of a TIFF (Source: TIFF 6.0, section 15), and what some are unpacked to besides, per pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """What a photo may take. `total_bytes` and `free_bytes` None: not known, so not limited."""

    total_bytes: int | None
    resting_bytes: int
    """What the process takes without it."""
    free_bytes: int | None
    """Of the machine, now."""

    def check(self, needed_bytes: int) -> None:
        """Raise ImageTooLargeError for what can never be had, UnavailableError for now."""
        if self.total_bytes is not None and needed_bytes > self.total_bytes - self.resting_bytes:
            raise ImageTooLargeError(
                f"converting it takes about {_mb(needed_bytes)} MB of memory, and of the "
                f"{_mb(self.total_bytes)} MB of this worker {_mb(self.resting_bytes)} MB are in use: "
                "give the worker more memory (on Lambda memoryMb), or send the photo as a smaller "
                "JPEG or PNG"
            )
        if self.free_bytes is not None and needed_bytes > self.free_bytes:
            raise UnavailableError(
                f"converting the photo takes about {_mb(needed_bytes)} MB of memory, and "
                f"{_mb(self.free_bytes)} MB are free on this machine at the moment"
            )


def needed_bytes(
    image: Image.Image, *, size_bytes: int, stored_pixels: int, is_in_one_scan: bool = True
) -> int:
    """About how much it takes to develop a photo that was opened and not yet decoded.

    `stored_pixels` are those in the file: a JPEG may be read smaller. `is_in_one_scan`: of a JPEG.
    """
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    per_pixel = _PER_PIXEL[kind] if is_in_one_scan else _READ_ONCE
    if image.has_transparency_data or image.mode == "CMYK":
        per_pixel += _ONE_MORE
    needed = image.width * image.height * per_pixel + _CONSTANT_BYTES
    if not is_in_one_scan:
        needed += stored_pixels * _COEFFICIENTS
    if kind in _READ_WHOLE:
        needed += size_bytes
    return needed + _tile_bytes(image)


def _tile_bytes(image: Image.Image) -> int:
    """One tile of a TIFF, which is unpacked whole and may be far larger than the picture."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0
    width_px, height_px = (int(image.tag_v2.get(tag, 0)) for tag in _TILE_SIZE)
    channel_bits = sum(image.tag_v2.get(_BITS, (8,)))
    return width_px * height_px * (_AS_RGBA + -(-channel_bits // 8))


def _mb(size_bytes: int) -> str:
    return f"{max(0, size_bytes) / 1024 / 1024:,.0f}"
