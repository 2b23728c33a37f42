"""Each of the eight EXIF orientations ends upright, whatever the format; compared by pixels.

Expected pictures come from the words of EXIF 2.32, 4.6.4: where row 0 and column 0 of the file are.
"""

import pytest
from PIL import Image

from tests.unit.photo_lab.pictures import (
    BLUE,
    GREEN,
    LOSSLESS,
    LOSSY,
    RED,
    YELLOW,
    differs,
    encoded,
    exif,
    look,
    made,
)

UPRIGHT = {"top left": RED, "top right": GREEN, "bottom left": BLUE, "bottom right": YELLOW}
ROW_0_COLUMN_0 = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}
OPPOSITE = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
LONG, SHORT = 96, 64


def corner(side: str, other: str) -> str:
    vertical, horizontal = (side, other) if side in {"top", "bottom"} else (other, side)
    return f"{vertical} {horizontal}"


def stored(orientation: int) -> Image.Image:
    """The picture as a camera that was held so has it in its file: four fields, upright 96 × 64."""
    row, column = ROW_0_COLUMN_0[orientation]
    is_on_its_side = row in {"left", "right"}
    width, height = (SHORT, LONG) if is_on_its_side else (LONG, SHORT)
    image = Image.new("RGB", (width, height))
    for row_side, top in ((row, 0), (OPPOSITE[row], height // 2)):
        for column_side, left in ((column, 0), (OPPOSITE[column], width // 2)):
            color = UPRIGHT[corner(row_side, column_side)]
            image.paste(color, (left, top, left + width // 2, top + height // 2))
    return image


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [
        ("JPEG", LOSSY),
        ("PNG", LOSSLESS),
        ("TIFF", LOSSLESS),
        ("WEBP", LOSSY),
        ("AVIF", LOSSY),
        ("HEIF", LOSSY),
    ],
)
def test_a_photo_ends_upright(kind: str, orientation: int, tolerance: int) -> None:
    data = encoded(stored(orientation), kind, exif=exif(orientation))
    assert look(data).marks
    photo, image = made(data)
    assert image.size == (LONG, SHORT)
    for place, wanted in UPRIGHT.items():
        vertical, horizontal = place.split()
        x = LONG // 4 if horizontal == "left" else 3 * LONG // 4
        y = SHORT // 4 if vertical == "top" else 3 * SHORT // 4
        assert differs(image.getpixel((x, y)), wanted) <= tolerance, (place, photo.changes)
    assert f"turned upright (orientation {orientation})" in photo.changes


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_exif_block_that_says_upright_changes_nothing(kind: str) -> None:
    assert look(encoded(stored(1), kind, exif=exif(1, gps=True))).marks == ()


def test_the_place_where_it_was_taken_is_left_out_and_that_is_said() -> None:
    photo, _ = made(encoded(stored(6), "JPEG", exif=exif(6, gps=True)))
    assert "the place where it was taken (GPS) left out" in photo.changes
