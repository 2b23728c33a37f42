"""The drawn samples are real photos: right size, plain backdrop, the same each time."""

from pathlib import Path

import pytest
from PIL import Image, ImageChops

from sandbox.hautech.pictures.cutout import cut_out
from sandbox.samples import draw_garment, draw_pose, write_samples


@pytest.fixture(scope="module", params=[draw_garment, draw_pose], ids=["garment", "pose"])
def draw(request):
    return request.param


@pytest.fixture(scope="module")
def drawing(draw):
    return draw()


def test_a_sample_has_the_size_of_the_aspect_ratio_7_to_10(drawing) -> None:
    assert (drawing.size, drawing.mode) == ((832, 1200), "RGB")


def test_the_same_picture_comes_out_each_time(draw, drawing) -> None:
    assert ImageChops.difference(draw(), drawing).getbbox() is None


def test_the_subject_stands_free_before_a_plain_backdrop(drawing) -> None:
    """What the stand-in composes with it looks right only then."""
    found = cut_out(drawing)

    left, top, right, bottom = found.box
    assert found.backdrop is not None
    assert left > 0
    assert top > 0
    assert right < 832
    assert bottom < 1200


def test_a_sample_stands_upright_in_the_middle(drawing) -> None:
    left, _, right, _ = cut_out(drawing).box

    assert abs((left + right) / 2 - 416) < 8


def test_written_samples_are_png_files(tmp_path: Path) -> None:
    files = write_samples(tmp_path / "new" / "folder")

    for path in (files.garment, files.pose):
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.size) == ("PNG", (832, 1200))
