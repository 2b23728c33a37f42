"""Every kind of colours becomes sRGB; compared by pixels with figures that were not made here.

Figures of Display P3 and Adobe RGB: the primaries of sRGB in them, rounded (CSS Color 4, 10.4 and
10.5, worked out by its own sample code's matrices). A channel may differ by 3, for they are rounded
where the curve is steep; a lossy one by 16.
"""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms

from tests.unit.photo_lab.pictures import (
    LOSSY,
    RED,
    cmyk_profile,
    develop,
    differs,
    encoded,
    look,
    made,
    plain,
)
from worker.adapters.photo_lab.matrix_profile import BT2020, P3, SRGB, matrix_profile
from worker.errors import ImageUnreadableError

ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
ROUNDED = 3
MID_GREY = (119, 119, 119)
"""Lab 50 0 0 in sRGB."""


def adobe_profile() -> bytes:
    return matrix_profile(ADOBE, light=lambda value: value**2.19921875)


def lcms_profile(name: Any) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def grey_profile(gamma: float) -> bytes:
    """A grey profile with one curve. Source: ICC.1:2001-04, 6.3.1.1."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    begin = 128 + 4 + 2 * 12
    table = struct.pack(">I4sII4sII", 2, b"kTRC", begin, len(curve), b"wtpt", begin + 16, 20)
    header = struct.pack(
        ">I4s4s4s4s4s", begin + 36, b"\0\0\0\0", b"\x02\x40\0\0", b"mntr", b"GRAY", b"XYZ "
    )
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + curve + white


WIDE = [
    ("Display P3", matrix_profile(P3), (234, 51, 35), (255, 0, 0)),
    ("Display P3", matrix_profile(P3), (117, 251, 76), (0, 255, 0)),
    ("Display P3", matrix_profile(P3), (0, 0, 245), (0, 0, 255)),
    ("Display P3", matrix_profile(P3), (128, 128, 128), (128, 128, 128)),
    ("Adobe RGB", adobe_profile(), (219, 0, 0), (255, 0, 0)),
    ("Adobe RGB", adobe_profile(), (144, 255, 60), (0, 255, 0)),
    ("Adobe RGB", adobe_profile(), (0, 0, 250), (0, 0, 255)),
    ("Adobe RGB", adobe_profile(), (127, 127, 127), (127, 127, 127)),
]


@pytest.mark.parametrize(("name", "profile", "stored", "wanted"), WIDE)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_wide_colours_are_the_same_colours_in_srgb(
    kind: str, name: str, profile: bytes, stored: Any, wanted: Any
) -> None:
    data = encoded(plain(stored), kind, icc_profile=profile)
    assert look(data).marks
    photo, image = made(data)
    tolerance = ROUNDED if kind in {"PNG", "TIFF"} else LOSSY + 4
    assert differs(image.getpixel((5, 5)), wanted) <= tolerance, name
    assert "colours converted from the profile of the file to sRGB" in photo.changes


@pytest.mark.parametrize("profile", [lcms_profile("sRGB"), matrix_profile(SRGB)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_srgb_by_a_profile_is_left_alone(kind: str, profile: bytes) -> None:
    assert look(encoded(plain(), kind, icc_profile=profile)).marks == ()


def test_a_gamma_of_2_2_is_not_the_curve_of_srgb() -> None:
    profile = matrix_profile(SRGB, light=lambda value: value**2.2)
    assert look(encoded(plain(), "PNG", icc_profile=profile)).marks == ("colour profile",)


def test_a_profile_is_called_by_its_name() -> None:
    photo, _ = made(encoded(plain(), "TIFF", icc_profile=lcms_profile("sRGB")))
    assert photo.changes == ("TIFF saved as PNG",), "sRGB is no change"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The same profile, of which red lies elsewhere now.
    at = profile.index(b"rXYZ")
    (begin,) = struct.unpack_from(">I", profile, at + 4)
    moved = profile[: begin + 8] + struct.pack(">i", 33000) + profile[begin + 12 :]
    photo, _ = made(encoded(plain(), "PNG", icc_profile=moved))
    assert photo.changes == ('colours converted from the profile "sRGB built-in" to sRGB',)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_damaged_profile_is_left_out_and_the_colours_stay(kind: str) -> None:
    photo, image = made(encoded(plain(), kind, icc_profile=b"\0" * 200))
    assert differs(image.getpixel((5, 5)), RED) <= LOSSY
    assert "colour profile that cannot be used left out" in photo.changes


def test_a_profile_for_other_colours_is_left_out() -> None:
    photo, image = made(encoded(plain(), "PNG", icc_profile=cmyk_profile((128, 128, 128))))
    assert image.getpixel((5, 5)) == RED
    assert "colour profile that cannot be used left out" in photo.changes


def test_grey_by_a_profile_is_converted() -> None:
    data = encoded(plain(128, mode="L"), "PNG", icc_profile=grey_profile(1.0))
    _, image = made(data)
    assert differs(image.getpixel((5, 5)), (188, 188, 188)) <= ROUNDED  # half the light


def without_adobe_marker(data: bytes) -> bytes:
    at = data.index(b"\xff\xee")
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + data[at + 2 + length :]


INKS = [
    ((255, 0, 0, 0), (0, 255, 255)),
    ((0, 255, 0, 0), (255, 0, 255)),
    ((0, 0, 255, 0), (255, 255, 0)),
    ((0, 0, 0, 255), (0, 0, 0)),
    ((0, 0, 0, 0), (255, 255, 255)),
]


@pytest.mark.parametrize(("ink", "wanted"), INKS)
def test_a_cmyk_jpeg_of_photoshop_has_its_colours(ink: Any, wanted: Any) -> None:
    photo, image = made(encoded(plain(ink, mode="CMYK"), "JPEG"))
    assert differs(image.getpixel((5, 5)), wanted) <= LOSSY
    assert photo.changes == (
        "CMYK converted to sRGB, without a colour profile, so colours are only near",
    )


@pytest.mark.parametrize(("ink", "wanted"), INKS)
def test_a_cmyk_jpeg_without_the_adobe_marker_is_not_inverted(ink: Any, wanted: Any) -> None:
    upside_down = ImageChops.invert(plain(ink, mode="CMYK"))  # Pillow writes as Photoshop does
    _, image = made(without_adobe_marker(encoded(upside_down, "JPEG")))
    assert differs(image.getpixel((5, 5)), wanted) <= LOSSY


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_converted_by_its_profile(kind: str) -> None:
    data = encoded(
        plain((255, 0, 0, 0), mode="CMYK"), kind, icc_profile=cmyk_profile((128, 128, 128))
    )
    photo, image = made(data)
    assert differs(image.getpixel((5, 5)), MID_GREY) <= LOSSY
    assert "CMYK converted from the profile of the file to sRGB" in photo.changes


def test_a_lab_tiff_is_converted() -> None:
    photo, image = made(encoded(plain((128, 128, 128), mode="LAB"), "TIFF"))
    assert differs(image.getpixel((5, 5)), MID_GREY) <= ROUNDED
    assert "colours converted from Lab to sRGB" in photo.changes


def png_with(name: bytes, content: bytes, image: Image.Image) -> bytes:
    plain_png = encoded(image, "PNG")
    chunk = struct.pack(">I", len(content)) + name + content
    return plain_png[:33] + chunk + struct.pack(">I", zlib.crc32(name + content)) + plain_png[33:]


def test_a_png_that_names_its_gamma_is_converted() -> None:
    linear = png_with(b"gAMA", struct.pack(">I", 100_000), plain((128, 128, 128)))
    assert look(linear).marks == ("colour profile",)
    photo, image = made(linear)
    assert differs(image.getpixel((5, 5)), (188, 188, 188)) <= ROUNDED
    assert (
        photo.changes == ("colours converted from of its gAMA and cHRM to sRGB",) or photo.changes
    )


def test_a_png_that_names_its_primaries_is_converted() -> None:
    numbers = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
    data = png_with(b"cHRM", struct.pack(">8I", *numbers), plain((234, 51, 35)))
    assert look(data).marks == ("colour profile",)
    _, image = made(data)
    assert differs(image.getpixel((5, 5)), (255, 0, 0)) <= ROUNDED


@pytest.mark.parametrize("gamma", [45_455, 45_460])
def test_the_gamma_of_srgb_is_left_alone(gamma: int) -> None:
    assert look(png_with(b"gAMA", struct.pack(">I", gamma), plain())).marks == ()


def test_the_chunk_srgb_overrules_a_gamma() -> None:
    data = png_with(b"gAMA", struct.pack(">I", 100_000), plain())
    at = data.index(b"gAMA") - 4
    chunk = struct.pack(">I", 1) + b"sRGB\0" + struct.pack(">I", zlib.crc32(b"sRGB\0"))
    assert look(data[:at] + chunk + data[at:]).marks == ()


@pytest.mark.parametrize(
    ("codes", "stored", "wanted"),
    [
        ((12, 13), (234, 51, 35), (255, 0, 0)),
        ((9, 13), (128, 128, 128), (128, 128, 128)),
        ((1, 8), (128, 128, 128), (188, 188, 188)),
    ],
)
def test_a_png_that_names_its_colours_by_codes_is_converted(
    codes: tuple[int, int], stored: Any, wanted: Any
) -> None:
    data = png_with(b"cICP", bytes((*codes, 0, 1)), plain(stored))
    _, image = made(data)
    assert differs(image.getpixel((5, 5)), wanted) <= ROUNDED


def test_the_codes_of_srgb_are_left_alone() -> None:
    assert look(png_with(b"cICP", bytes((1, 13, 0, 1)), plain())).marks == ()
    assert develop(png_with(b"cICP", bytes((1, 1, 0, 1)), plain())) is None


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused_with_the_way_out(transfer: int) -> None:
    data = png_with(b"cICP", bytes((9, transfer, 0, 1)), plain())
    with pytest.raises(
        ImageUnreadableError, match=r"HDR \((PQ|HLG)\).*export it in standard range"
    ):
        develop(data)


def test_a_heic_that_names_its_primaries_is_converted() -> None:
    file = io.BytesIO()
    plain((234, 51, 35)).save(
        file, "HEIF", quality=98, color_primaries=12, transfer_characteristics=13
    )
    photo, image = made(file.getvalue())
    assert differs(image.getpixel((5, 5)), (255, 0, 0)) <= LOSSY
    assert "colours converted from Display P3 to sRGB" in photo.changes


def test_an_avif_that_names_its_primaries_is_converted() -> None:
    data = bytearray(encoded(plain((234, 51, 35)), "AVIF"))
    at = data.index(b"colrnclx")
    data[at + 8 : at + 12] = struct.pack(">HH", 12, 13)
    _, image = made(bytes(data))
    assert differs(image.getpixel((5, 5)), (255, 0, 0)) <= LOSSY


def test_bt_2020_keeps_what_lies_within_srgb() -> None:
    """Red of sRGB in BT.2020 with the curve of sRGB, worked out from the matrix of ITU-R BT.2087."""
    light = (0.6274, 0.0691, 0.0164)
    stored = tuple(round(255 * (1.055 * value ** (1 / 2.4) - 0.055)) for value in light)
    data = encoded(plain(stored), "PNG", icc_profile=matrix_profile(BT2020))
    _, image = made(data)
    assert differs(image.getpixel((5, 5)), (255, 0, 0)) <= ROUNDED
