"""Any depth and palette becomes 8 bits a channel, and what is seen through stands on white."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from tests.unit.photo_lab.pictures import (
    GREEN,
    LIMITS,
    LOSSY,
    RED,
    develop,
    differs,
    encoded,
    look,
    made,
    plain,
)
from worker.errors import ImageUnreadableError

HALF_RED_ON_WHITE = (242, 137, 137)
"""(230, 20, 20) and white, half of each."""


def png(colour: int, depth: int, row: bytes, *chunks: tuple[bytes, bytes], width: int = 4) -> bytes:
    """A PNG of two such rows, whose samples are given as they stand in the file."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, 2, depth, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * 2)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*one) for one in ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b""))
    )


def first_row(data: bytes) -> list[Any]:
    _, image = made(data)
    return [image.convert("RGB").getpixel((x, 0)) for x in range(image.width)]


def grey(*values: int) -> list[tuple[int, int, int]]:
    return [(value, value, value) for value in values]


def test_grey_of_16_bits_keeps_its_steps() -> None:
    data = png(0, 16, struct.pack(">4H", 0, 257, 32_896, 65_535))
    assert look(data).marks == ("16 bits",)
    assert first_row(data) == grey(0, 1, 128, 255)


def test_colours_of_16_bits_keep_their_high_bytes() -> None:
    data = png(2, 16, struct.pack(">12H", *(value * 257 for value in (*RED, *GREEN, *RED, *GREEN))))
    assert first_row(data) == [RED, GREEN, RED, GREEN]


def test_colours_of_16_bits_with_alpha_stand_on_white() -> None:
    data = png(6, 16, struct.pack(">4H", *(value * 257 for value in (*RED, 128))) * 4)
    assert differs(first_row(data)[0], HALF_RED_ON_WHITE) <= 1


@pytest.mark.parametrize(
    ("depth", "row", "values"),
    [
        (1, b"\x50", (0, 255, 0, 255)),
        (2, b"\x1b", (0, 85, 170, 255)),
        (4, b"\x0f\x8f", (0, 255, 136, 255)),
    ],
)
def test_grey_of_few_bits_becomes_8(depth: int, row: bytes, values: tuple[int, ...]) -> None:
    data = png(0, depth, row)
    assert look(data).marks == (f"{depth} bits",)
    assert first_row(data) == grey(*values)


PALETTE = (b"PLTE", bytes((*RED, *GREEN)))


def test_a_palette_becomes_its_colours() -> None:
    data = png(3, 8, bytes((0, 1, 1, 0)), PALETTE)
    assert look(data).marks == ("palette",)
    photo, _ = made(data)
    assert photo.changes == ("palette replaced by its colours",)
    assert first_row(data) == [RED, GREEN, GREEN, RED]


def test_a_palette_with_transparency_stands_on_white() -> None:
    data = png(3, 8, bytes((0, 1, 1, 0)), PALETTE, (b"tRNS", bytes((128, 255))))
    red, green, *_ = first_row(data)
    assert differs(red, HALF_RED_ON_WHITE) <= 1
    assert green == GREEN


def test_one_transparent_colour_becomes_white() -> None:
    key = (b"tRNS", struct.pack(">3H", *GREEN))
    assert first_row(png(2, 8, bytes((*RED, *GREEN, *RED, *GREEN)), key)) == [
        RED,
        (255, 255, 255),
        RED,
        (255, 255, 255),
    ]


def test_one_transparent_grey_becomes_white() -> None:
    row = struct.pack(">4H", 257 * 9, 257 * 70, 257 * 9, 0)
    assert first_row(png(0, 8, bytes((9, 70, 9, 0)), (b"tRNS", b"\0\x09"))) == grey(255, 70, 255, 0)
    assert first_row(png(0, 16, row, (b"tRNS", struct.pack(">H", 257 * 9)))) == grey(
        255, 70, 255, 0
    )


def test_colours_of_16_bits_with_a_transparent_one_are_taken() -> None:
    row = struct.pack(">12H", *(value * 257 for value in (*RED, *GREEN, *RED, *GREEN)))
    key = (b"tRNS", struct.pack(">3H", *(value * 257 for value in GREEN)))
    assert first_row(png(2, 16, row, key))[:2] == [RED, (255, 255, 255)]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_half_a_colour_is_half_white(kind: str) -> None:
    photo, image = made(encoded(plain((*RED, 128), mode="RGBA"), kind))
    assert differs(image.getpixel((5, 5)), HALF_RED_ON_WHITE) <= LOSSY
    assert photo.content_type == "image/png"
    assert "transparency filled with white" in photo.changes


def test_grey_with_alpha_stands_on_white() -> None:
    _, image = made(encoded(plain((100, 128), mode="LA"), "PNG"))
    assert differs(image.getpixel((5, 5)), (177, 177, 177)) <= 1


def test_premultiplied_alpha_is_not_multiplied_twice() -> None:
    half = tuple(value * 128 // 255 for value in RED)
    tiff = bytearray(encoded(plain((*half, 128), mode="RGBA"), "TIFF"))
    extra = tiff.index(struct.pack("<HHI", 338, 3, 1))  # the tag ExtraSamples
    tiff[extra + 8] = 1  # "associated" (Source: TIFF 6.0, section 18)
    _, image = made(bytes(tiff))
    assert differs(image.getpixel((5, 5)), HALF_RED_ON_WHITE) <= 2


def test_an_alpha_channel_that_hides_nothing_is_left_alone() -> None:
    data = encoded(plain((*RED, 255), mode="RGBA"), "PNG")
    assert look(data).marks == ("alpha",)
    assert develop(data) is None


def test_what_is_transparent_lends_no_colour_when_it_is_scaled_down() -> None:
    image = Image.new("RGBA", (LIMITS.max_side_px * 2, 64), (0, 255, 0, 0))
    image.paste((*RED, 255), (0, 0, LIMITS.max_side_px + 1, 64))
    _, small = made(encoded(image, "PNG"))
    red = small.crop((0, 9, small.width, 10)).getchannel("R")
    assert red.histogram()[: RED[0] - 8] == [0] * (RED[0] - 8), "to white, but not by way of green"


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiffs_of_shops_are_read(compression: str | None, depth: int) -> None:
    mode, color, wanted = ("RGB", RED, RED) if depth == 8 else ("I;16", 32_896, (128,) * 3)
    photo, image = made(encoded(plain(color, mode=mode), "TIFF", compression=compression))
    assert image.getpixel((5, 5)) == wanted
    assert photo.changes[0] == "TIFF saved as PNG"


def test_grey_of_16_bits_with_the_high_byte_first_is_read() -> None:
    photo, image = made(encoded(plain(32_896, mode="I;16B"), "TIFF"))
    assert image.getpixel((5, 5)) == (128,) * 3
    assert photo.changes == ("TIFF saved as PNG", "16 bits a channel made 8")


def test_a_tiff_that_is_a_jpeg_inside_stays_one() -> None:
    photo, image = made(encoded(plain(), "TIFF", compression="jpeg", quality=98))
    assert photo.content_type == "image/jpeg"
    assert differs(image.getpixel((5, 5)), RED) <= LOSSY


def test_a_tiff_of_floating_point_is_refused_with_the_way_out() -> None:
    with pytest.raises(ImageUnreadableError, match="8 or 16 bits a channel"):
        develop(encoded(Image.new("F", (8, 8), 0.5), "TIFF"))


@pytest.mark.parametrize(
    ("options", "content_type"), [({}, "image/jpeg"), ({"lossless": True}, "image/png")]
)
def test_a_webp_stays_as_good_as_it_is(options: dict[str, Any], content_type: str) -> None:
    photo, image = made(encoded(plain(), "WEBP", **options))
    assert photo.content_type == content_type
    assert differs(image.getpixel((5, 5)), RED) <= (0 if options else LOSSY)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "AVIF"])
def test_of_several_pictures_the_first_is_taken_and_that_is_said(kind: str) -> None:
    file = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    plain(RED).save(file, kind, save_all=True, append_images=[plain(GREEN)], **options)
    photo, image = made(file.getvalue())
    assert differs(image.convert("RGB").getpixel((5, 5)), RED) <= LOSSY
    assert "one of several pictures taken" in photo.changes


def test_of_a_heic_with_several_pictures_the_main_one_is_taken() -> None:
    file = io.BytesIO()
    plain(RED).save(
        file, "HEIF", save_all=True, append_images=[plain(GREEN)], primary_index=1, quality=98
    )
    _, image = made(file.getvalue())
    assert differs(image.getpixel((5, 5)), GREEN) <= LOSSY
