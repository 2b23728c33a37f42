"""A photo is opened, held against the limits, and decoded: one picture of it, once."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

import pillow_heif
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from worker.adapters.photo_lab.colours import ColourTag
from worker.adapters.photo_lab.memory import MemoryBudget, needed_bytes
from worker.contracts.text import one_line
from worker.errors import ImageTooLargeError, ImageUnreadableError, WorkerError
from worker.jobs.exif_marks import names_a_place, orientation_of
from worker.jobs.images import GrowingHead
from worker.jobs.jpeg_marks import is_in_one_scan
from worker.jobs.photo_look import PHOTO_NAMES
from worker.ports.photos import PhotoLimits

# Only the main picture of a file is wanted. A thumbnail must never stand in for it.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
# Our own limit is looked at before anything is decoded, and says how to raise it.
Image.MAX_IMAGE_PIXELS = None

_PILLOW_NAMES: Final = {"image/heic": "HEIF"}
_HEAD_BYTES: Final = 64 * 1024
_RIFF_CHUNKS_MAX: Final = 100
_COMPRESSION, _BITS, _ORIENTATION, _PLACE = 259, 258, 274, 0x8825
_JPEG_IN_TIFF: Final = frozenset({6, 7})
"""Tags of a TIFF, and its two compressions that lose something (Source: TIFF 6.0, appendix A)."""

_RAW_BITS: Final = re.compile(r"\b[A-Z]+;(\d+)")
"""In what Pillow calls the layout of a file's pixels: `RGB;16B`, `L;2`."""

_ERROR_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """What a file said about its picture, which is not in here: each step frees what it used up."""

    name: str
    """Of the format, as people know it."""
    colours: ColourTag
    bits: int
    """Per channel, in the file."""
    orientation: int
    """How it has yet to be turned, by EXIF: 1 to 8."""
    turned: int
    """How the decoder has turned it already."""
    stored_size: tuple[int, int]
    """In the file; width and height in pixels."""
    has_place: bool
    """EXIF says where it was taken."""
    is_one_of_several: bool
    is_lossy: bool
    is_in_one_scan: bool = True
    """Of a JPEG; others are."""


def read_photo(
    source: BinaryIO, content_type: str, limits: PhotoLimits, memory: MemoryBudget
) -> tuple[Image.Image, Photo]:
    """The decoded picture and what is known of it. Of a JPEG beyond the longest side, no more detail than is needed.

    Raises ImageTooLargeError, ImageUnreadableError, or UnavailableError when there is no memory
    for it just now.
    """
    # What Pillow thinks of a file is said by our own errors. This adds the filter once.
    warnings.filterwarnings("ignore", module=r"(PIL|pillow_heif)\b")
    size_bytes = source.seek(0, 2)
    source.seek(0)
    name = PHOTO_NAMES[content_type]
    with unreadable(name):
        image = Image.open(source, formats=(_PILLOW_NAMES.get(content_type, name.upper()),))
    _check_pixels(image, limits)
    with unreadable(name):
        photo = _described(image, source, name)
        if name == "JPEG" and max(image.size) > limits.max_side_px:
            image.draft(None, fitted(image.size, limits.max_side_px))
        width_px, height_px = photo.stored_size
        memory.check(
            needed_bytes(
                image,
                size_bytes=size_bytes,
                stored_pixels=width_px * height_px,
                is_in_one_scan=photo.is_in_one_scan,
            )
        )
        image.load()
    return image, photo


def _check_pixels(image: Image.Image, limits: PhotoLimits) -> None:
    size = f"{image.width} × {image.height} px"
    if min(image.size) < 1:
        raise ImageUnreadableError(f"{size}: is empty")
    if image.width * image.height > limits.max_source_pixels:
        raise ImageTooLargeError(
            f"{size}: a photo may have at most {limits.max_source_pixels:,} pixels in all "
            "(WORKER_SOURCE_MAX_PIXELS)"
        )


def fitted(size: tuple[int, int], max_side_px: int) -> tuple[int, int]:
    """The size in the same proportions whose longer side is `max_side_px`; at least 1 px."""
    longest = max(size)
    width_px, height_px = (max(1, round(side * max_side_px / longest)) for side in size)
    return width_px, height_px


@contextmanager
def unreadable(name: str) -> Iterator[None]:
    """Whatever a damaged file makes the libraries raise is one error of ours."""
    try:
        yield
    except WorkerError:
        raise
    except MemoryError as error:
        raise ImageTooLargeError(
            f"converting this {name} takes more memory than the worker has: give it more (on Lambda "
            "memoryMb), or send the photo as a smaller JPEG or PNG"
        ) from error
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)  # whose text names an object of ours
        what = "" if unknown else one_line(str(error), _ERROR_CHARACTERS)
        raise ImageUnreadableError(
            f"a {name} that cannot be decoded: cut short, damaged, or of a kind that is not known "
            f"here ({what or type(error).__name__}): save it again, as a JPEG or PNG"
        ) from error


def _described(image: Image.Image, source: BinaryIO, name: str) -> Photo:
    """The photo, not yet decoded: afterwards Pillow has forgotten half of this."""
    info = image.info
    exif = info.get("exif") or b""
    photo = Photo(
        name=name,
        colours=ColourTag(profile=info.get("icc_profile") or None),
        bits=_bits(image),
        orientation=orientation_of(exif),
        turned=1,
        stored_size=image.size,
        has_place=names_a_place(exif),
        is_one_of_several=name != "JPEG" and bool(getattr(image, "is_animated", False)),
        is_lossy=name in {"JPEG", "HEIC", "AVIF"},
    )
    colours = photo.colours
    match name:
        case "JPEG":  # one with further pictures behind it (MPO) is an ordinary one to everybody
            photo = replace(
                photo,
                colours=replace(colours, is_inverted="adobe" in info),
                is_in_one_scan=_is_in_one_scan(source),
            )
        case "PNG":
            photo = replace(photo, colours=_of_png(colours, image, source))
        case "WebP":
            photo = replace(photo, is_lossy=_is_lossy_webp(source))
        case "HEIC":
            turned = info.get("original_orientation") or 1
            nclx = info.get("nclx_profile") or {}
            codes = (nclx.get("color_primaries", 2), nclx.get("transfer_characteristics", 2))
            photo = replace(photo, colours=replace(colours, codes=codes), turned=turned)
        case "AVIF":
            photo = replace(photo, colours=replace(colours, codes=_nclx(source)))
        case "TIFF" if isinstance(image, TiffImagePlugin.TiffImageFile):
            turned = int(image.tag_v2.get(_ORIENTATION, 1))
            is_lossy = image.tag_v2.get(_COMPRESSION) in _JPEG_IN_TIFF
            photo = replace(
                photo,
                turned=turned,
                orientation=1,
                has_place=_PLACE in image.tag_v2,
                is_lossy=is_lossy,
            )
    return photo


def _is_in_one_scan(source: BinaryIO) -> bool:
    source.seek(0)
    return is_in_one_scan(GrowingHead(source.read))


def _bits(image: Image.Image) -> int:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(max(image.tag_v2.get(_BITS, (8,))))
    if "bit_depth" in image.info:
        return int(image.info["bit_depth"])
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    named = _RAW_BITS.search(str(tiles[0].args)) if tiles else None
    return int(named[1]) if named else 1 if image.mode == "1" else 8


def _of_png(colours: ColourTag, image: Image.Image, source: BinaryIO) -> ColourTag:
    """The first that is there: cICP, a profile, sRGB, numbers (Source: PNG 3, 4.3)."""
    source.seek(0)
    begin = source.read(_HEAD_BYTES).partition(b"IDAT")[0]
    at = begin.find(b"\0\0\0\x04cICP")
    if at >= 0:
        return ColourTag(codes=(begin[at + 8], begin[at + 9]))
    if colours.profile or "srgb" in image.info:
        return colours
    return replace(colours, gamma=image.info.get("gamma"), primaries=image.info.get("chromaticity"))


def _nclx(source: BinaryIO) -> tuple[int, int] | None:
    """The first colour box by numbers (Source: ISO/IEC 14496-12, 12.1.5)."""
    source.seek(0)
    begin = source.read(_HEAD_BYTES)
    at = begin.find(b"colrnclx")
    if at < 0 or len(begin) < at + 12:
        return None
    primaries, transfer = struct.unpack_from(">HH", begin, at + 8)
    return primaries, transfer


def _is_lossy_webp(source: BinaryIO) -> bool:
    """Whether its first picture is coded as VP8 (Source: RFC 9649, 2.3 to 2.7)."""
    position = 12
    for _ in range(_RIFF_CHUNKS_MAX):
        source.seek(position)
        header = source.read(8)
        if len(header) < 8 or header[:4] in {b"VP8L", b"ANMF"}:
            return False
        if header[:4] == b"VP8 ":
            return True
        length = int.from_bytes(header[4:], "little")
        position += 8 + length + length % 2
    return False
