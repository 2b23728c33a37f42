"""Every kind of colours becomes sRGB.

by its profile   ICC, where it fits the picture
by its numbers   primaries and curve: cICP and gAMA of a PNG, nclx of a HEIC or AVIF
by custom        no word about it: RGB is sRGB; CMYK is turned round, which is only near
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageCms

from worker.adapters.photo_lab import matrix_profile
from worker.adapters.photo_lab.matrix_profile import Point
from worker.contracts.text import one_line
from worker.errors import ImageUnreadableError
from worker.jobs.icc_marks import PROFILE_BYTES_MAX, is_srgb

_SPACES: Final = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""What an ICC profile calls the colours of a Pillow mode."""

_HDR: Final = {16: "PQ", 18: "HLG"}
_PRIMARIES: Final = {9: matrix_profile.BT2020, 12: matrix_profile.P3}
_PRIMARY_NAMES: Final = {9: "BT.2020", 12: "Display P3"}
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
"""Codes of curves and primaries that are not taken for sRGB's (Source: ITU-T H.273, tables 2, 3)."""

_SRGB_GAMMA: Final = 0.45455
_NEAR: Final = 0.005
_NAME_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourTag:
    """What a file says about its colours."""

    profile: bytes | None = None
    codes: tuple[int, int] | None = None
    """Primaries and transfer by ITU-T H.273."""
    gamma: float | None = None
    """Of encoding, as a PNG has it: 0.45455 for sRGB."""
    primaries: tuple[float, ...] | None = None
    """White, red, green and blue: x and y each, as a PNG has them."""
    is_inverted: bool = True
    """Of CMYK in a JPEG: 0 is all ink, as Photoshop writes it, with its marker."""


def to_srgb(image: Image.Image, tag: ColourTag, changes: list[str]) -> Image.Image:
    """The picture (RGB, L, CMYK or LAB) as RGB in sRGB, or as it is when it is sRGB or grey.

    May work in place. Appends what was done to `changes`. Raises ImageUnreadableError for HDR.
    """
    if image.mode == "LAB":
        changes.append("colours converted from Lab to sRGB")
        return _transformed(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")), "LAB")
    if image.mode == "CMYK" and not tag.is_inverted:
        image = ImageChops.invert(image)
    if tag.profile is not None:
        converted = _by_profile(image, tag.profile, changes)
        if converted is not None:
            return converted
    if image.mode == "CMYK":
        changes.append("CMYK converted to sRGB, without a colour profile, so colours are only near")
        return image.convert("RGB")
    return _by_numbers(image, tag, changes) if image.mode == "RGB" else image


def _by_profile(image: Image.Image, data: bytes, changes: list[str]) -> Image.Image | None:
    """None when the profile is no help: damaged, absurdly long, or of other colours."""
    if image.mode != "CMYK" and is_srgb(data):
        return image
    try:
        profile = _fitting_profile(data, image.mode)
        name = _name_of(profile)
        converted = _transformed(image, profile, image.mode)
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        changes.append("colour profile that cannot be used left out")
        return None
    kind = "CMYK" if image.mode == "CMYK" else "colours"
    changes.append(f"{kind} converted from the profile {name} to sRGB")
    return converted


def _fitting_profile(data: bytes, mode: str) -> ImageCms.ImageCmsProfile:
    if len(data) > PROFILE_BYTES_MAX:
        raise ValueError("absurdly long")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    if profile.profile.xcolor_space != _SPACES[mode]:
        raise ValueError("of other colours")
    return profile


def _by_numbers(image: Image.Image, tag: ColourTag, changes: list[str]) -> Image.Image:
    if tag.codes is not None:
        primaries, transfer = tag.codes
        if transfer in _HDR:
            raise ImageUnreadableError(
                f"its colours are HDR ({_HDR[transfer]}), which no conversion here would do justice: "
                "export it in standard range (SDR)"
            )
        if primaries not in _PRIMARIES and transfer not in _GAMMAS:
            return image
        name = _PRIMARY_NAMES.get(primaries, "sRGB")
        points: Sequence[Point] = _PRIMARIES.get(primaries, matrix_profile.SRGB)
        return _by_matrix(image, points, matrix_profile.D65, _GAMMAS.get(transfer), name, changes)
    is_srgb_curve = tag.gamma is None or abs(tag.gamma - _SRGB_GAMMA) <= _NEAR
    white, *points = _points(tag.primaries) or (matrix_profile.D65, *matrix_profile.SRGB)
    known = (matrix_profile.D65, *matrix_profile.SRGB)
    is_near = all(
        abs(one - other) <= _NEAR
        for place, wanted in zip((white, *points), known, strict=True)
        for one, other in zip(place, wanted, strict=True)
    )
    if is_srgb_curve and is_near:
        return image
    gamma = None if is_srgb_curve or not tag.gamma else 1 / tag.gamma
    return _by_matrix(image, points, white, gamma, "its gAMA and cHRM", changes)


def _by_matrix(
    image: Image.Image,
    points: Sequence[Point],
    white: Point,
    gamma: float | None,
    name: str,
    changes: list[str],
) -> Image.Image:
    light = None if gamma is None else (lambda value: float(value**gamma))
    try:
        data = matrix_profile.matrix_profile(points, white=white, light=light)
        converted = _transformed(image, ImageCms.ImageCmsProfile(io.BytesIO(data)), "RGB")
    except (ArithmeticError, ValueError, OSError, ImageCms.PyCMSError):
        changes.append("colour numbers that cannot be used left out")
        return image
    changes.append(f"colours converted from {name} to sRGB")
    return converted


def _transformed(image: Image.Image, profile: ImageCms.ImageCmsProfile, mode: str) -> Image.Image:
    """By relative colorimetry with black point compensation, as image editors convert."""
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode == "RGB":
        ImageCms.applyTransform(image, transform, inPlace=True)
        return image
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("no picture came out")
    return converted


def _name_of(profile: ImageCms.ImageCmsProfile) -> str:
    """What the profile calls itself, fit to be shown."""
    name = str(profile.profile.profile_description or "").strip()
    return f'"{one_line(name, _NAME_CHARACTERS)}"' if name else "of the file"


def _points(numbers: tuple[float, ...] | None) -> tuple[Point, ...] | None:
    if numbers is None or len(numbers) != 8:
        return None
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
