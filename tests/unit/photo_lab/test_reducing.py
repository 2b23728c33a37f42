"""A smaller copy of a picture: the right size, upright, in sRGB, and never enlarged."""

import io
from typing import Any, Literal

import pytest
from PIL import Image

from tests.unit.photo_lab.pictures import BLUE, LOSSY, RED, differs, encoded, exif, look, plain
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.errors import ImageTooLargeError, ImageUnreadableError
from worker.ports.photos import ReducedPicture, Reduction


def reduced(
    data: bytes, width_px: int, *, kind: Literal["webp", "jpeg"] = "webp", memory: int | None = None
) -> tuple[ReducedPicture, Image.Image]:
    lab = PillowPhotoLab(memory_bytes=memory, free_bytes=lambda: None)
    wanted = Reduction(format=kind, width_px=width_px, quality=90)
    with lab.turn():
        made = lab.reduce(io.BytesIO(data), look(data).content_type, wanted)
    return made, Image.open(io.BytesIO(made.data))


@pytest.mark.parametrize(("kind", "mime"), [("webp", "image/webp"), ("jpeg", "image/jpeg")])
def test_it_has_the_width_that_was_asked_for_and_the_same_proportions(kind: Any, mime: str) -> None:
    made, image = reduced(encoded(plain(size=(832, 1200)), "PNG"), 416, kind=kind)
    assert (made.width_px, made.height_px) == image.size == (416, 600)
    assert made.content_type == mime == look(made.data).content_type
    assert differs(image.convert("RGB").getpixel((200, 300)), RED) <= LOSSY


def test_a_narrower_picture_keeps_its_size() -> None:
    made, image = reduced(encoded(plain(size=(100, 60)), "PNG"), 800)
    assert (made.width_px, made.height_px) == image.size == (100, 60)


def test_a_line_of_a_picture_keeps_a_pixel() -> None:
    made, _ = reduced(encoded(plain(size=(2000, 2)), "PNG"), 16)
    assert (made.width_px, made.height_px) == (16, 1)


def test_it_is_upright_and_says_nothing_of_the_source() -> None:
    data = encoded(plain(size=(96, 48)), "JPEG", exif=exif(6))
    _, image = reduced(data, 24, kind="jpeg")
    assert image.size == (24, 48)
    assert not image.getexif()


@pytest.mark.parametrize("kind", ["webp", "jpeg"])
def test_what_shows_through_is_white(kind: Any) -> None:
    clear = Image.new("RGBA", (64, 64), (*BLUE, 0))
    _, image = reduced(encoded(clear, "PNG"), 32, kind=kind)
    assert differs(image.convert("RGB").getpixel((16, 16)), (255, 255, 255)) <= LOSSY


def test_a_picture_for_which_there_is_no_memory_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(ImageTooLargeError, match="MB of memory"):
        reduced(encoded(plain(RED, size=(4000, 4000)), "PNG"), 100, memory=200 * 1024 * 1024)


def test_a_damaged_picture_is_refused() -> None:
    with pytest.raises(ImageUnreadableError):
        reduced(encoded(plain(size=(400, 400)), "PNG")[:-200], 100)
