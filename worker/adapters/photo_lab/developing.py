"""One photo through the lab, step by step; what is done is said.

read ─► 8 bits, real colours ─► sRGB ─► white below ─► scale down ─► upright ─► save

Scaled down once nothing shines through: of what is transparent no colour may run into the rest. Only
a JPEG is read smaller to begin with.
"""

from __future__ import annotations

from typing import BinaryIO, Final

from PIL import Image

from worker.adapters.photo_lab.colours import to_srgb
from worker.adapters.photo_lab.memory import MemoryBudget
from worker.adapters.photo_lab.reading import Photo, fitted, read_photo, unreadable
from worker.adapters.photo_lab.saving import save_photo
from worker.errors import ImageUnreadableError
from worker.ports.photos import DevelopedPhoto, PhotoLimits

_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes each orientation upright (Source: EXIF 2.32, 4.6.4)."""

_WHITE: Final = (255, 255, 255)
_16_TO_8: Final = 1 / 257


def develop(
    source: BinaryIO,
    content_type: str,
    limits: PhotoLimits,
    memory: MemoryBudget,
    sink: BinaryIO,
) -> DevelopedPhoto | None:
    """See `PhotoLab.develop`."""
    image, photo = read_photo(source, content_type, limits, memory)
    changes: list[str] = []
    if photo.is_one_of_several:
        changes.append("one of several pictures taken")
    with unreadable(photo.name):
        image, alpha = _plain(image, photo, changes)
        image = to_srgb(image, photo.colours, changes)
        if alpha is not None:
            changes.append("transparency filled with white")
            image = _on_white(image, alpha)
        image = _scaled(image, photo, limits, changes)
        image = _upright(image, photo, changes)
    is_as_it_was = not changes and photo.name in {"JPEG", "PNG"}
    if is_as_it_was and source.seek(0, 2) <= limits.max_bytes:
        return None
    if image.mode != "RGB" and photo.name not in {"JPEG", "PNG"}:
        image = image.convert("RGB")
    if photo.has_place:
        changes.append("the place where it was taken (GPS) left out")
    return save_photo(
        image,
        sink,
        as_jpeg=photo.is_lossy and alpha is None,
        max_bytes=limits.max_bytes,
        name=photo.name,
        changes=changes,
    )


def upright_srgb(image: Image.Image, photo: Photo) -> Image.Image:
    """A decoded picture as people see it: upright, L or RGB in sRGB, white below what shows through."""
    untold: list[str] = []
    with unreadable(photo.name):
        image, alpha = _plain(image, photo, untold)
        image = to_srgb(image, photo.colours, untold)
        if alpha is not None:
            image = _on_white(image, alpha)
        return _upright(image, photo, untold)


def _plain(
    image: Image.Image, photo: Photo, changes: list[str]
) -> tuple[Image.Image, Image.Image | None]:
    """The picture as L, RGB, CMYK or LAB with 8 bits, and its alpha unless all of it is opaque."""
    if image.mode in {"P", "PA"}:
        if photo.name == "PNG":
            changes.append("palette replaced by its colours")
    elif photo.bits != 8:
        changes.append(f"{photo.bits} bits a channel made 8")
    image = _eight_bits(image, photo)
    if image.has_transparency_data:
        kind = "L" if image.mode in {"L", "LA", "La"} else "RGB"
        image = image if image.mode in {"LA", "RGBA"} else image.convert("RGBA")
        alpha = image.getchannel("A")
        return image.convert(kind), alpha if alpha.getextrema() != (255, 255) else None
    match image.mode:
        case "L" | "RGB" | "CMYK" | "LAB":
            return image, None
        case "1":
            return image.convert("L"), None
        case "P" | "RGBX" | "YCbCr" | "HSV":
            return image.convert("RGB"), None
    raise ImageUnreadableError(
        f"a {photo.name} with colours that are not taken (Pillow mode {image.mode}): save it with 8 "
        "or 16 bits a channel"
    )


def _eight_bits(image: Image.Image, photo: Photo) -> Image.Image:
    """Grey with 16 bits as grey with 8, and its transparent value likewise."""
    key = image.info.get("transparency")
    if image.mode.startswith("I;16") or (image.mode == "I" and photo.name == "PNG"):
        if image.mode not in {"I", "I;16"}:  # from a Mac, the other way round
            image = image.convert("I")
        image = image.point(lambda value: value * _16_TO_8 + 0.5).convert("L")
        if isinstance(key, int):
            image.info["transparency"] = round(key * _16_TO_8)
    elif photo.bits > 8 and isinstance(key, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _on_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    paper = Image.new("RGB", image.size, _WHITE)
    paper.paste(image, mask=alpha)
    return paper


def _scaled(
    image: Image.Image, photo: Photo, limits: PhotoLimits, changes: list[str]
) -> Image.Image:
    width_px, height_px = photo.stored_size
    if max(width_px, height_px) <= limits.max_side_px:
        return image
    size = fitted(photo.stored_size, limits.max_side_px)
    changes.append(f"scaled down from {width_px} × {height_px} to {size[0]} × {size[1]} px")
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _upright(image: Image.Image, photo: Photo, changes: list[str]) -> Image.Image:
    if photo.turned in _TURNS:
        changes.append(f"turned upright (orientation {photo.turned})")
    if photo.orientation not in _TURNS:
        return image
    changes.append(f"turned upright (orientation {photo.orientation})")
    return image.transpose(_TURNS[photo.orientation])
