"""14.8: what runs leave behind, in all the shapes it may come in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from sandbox.hautech.catalog import ASPECT_RATIOS
from tests.support.standin import Lab, png, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def output(lab: Lab, workflow: str, document: dict[str, Any]) -> Any:
    pipeline = lab.pipeline(lab.run(workflow, document))
    assert pipeline["status"] == "completed", pipeline
    return pipeline["output"]


def picture(lab: Lab, image_id: str) -> bytes:
    """The bytes of an image, after checking that they are what its record says."""
    record = lab.image(image_id)
    answer = lab.media("GET", record["url"])
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        image.load()
        assert image.size == (record["width"], record["height"])
        assert image.format == "PNG"
    return answer.content


@pytest.mark.parametrize("drawing", ["compose", "flat"])
@pytest.mark.parametrize("ratio", ["7:10", "12:5"])
def test_full_naomi_gives_a_picture_of_the_ratios_size(lab: Lab, drawing: str, ratio: str) -> None:
    lab.fresh(drawing=drawing)
    image_id = output(lab, "full-naomi", lab.full_naomi_input(aspectRatio=ratio))["imageId"]
    picture(lab, image_id)
    record = lab.image(image_id)
    assert (record["width"], record["height"]) == ASPECT_RATIOS[ratio]


def test_every_ratio_has_its_size(lab: Lab) -> None:
    lab.fresh(drawing="flat")
    document = lab.full_naomi_input()
    for ratio, size in ASPECT_RATIOS.items():
        image_id = output(lab, "full-naomi", {**document, "aspectRatio": ratio})["imageId"]
        with Image.open(io.BytesIO(picture(lab, image_id))) as image:
            assert image.size == size


def test_naomi_takes_its_size_from_the_prepared_pose(lab: Lab) -> None:
    photo = lab.upload()["id"]
    pose = output(lab, "prepare-pose", {"poseImageId": photo, "aspectRatio": "5:12"})["poseId"]
    garment = output(lab, "prepare-image", {"imageId": photo})["preparedImageId"]
    document = {"poseId": pose, "imageId": garment, "prompt": "outside"}
    image_id = output(lab, "naomi", document)["imageId"]
    picture(lab, image_id)
    assert (lab.image(image_id)["width"], lab.image(image_id)["height"]) == (640, 1536)


def test_prepared_image_and_pose_preview_are_real_pictures(lab: Lab) -> None:
    photo = lab.upload(png("red", (300, 200)))["id"]
    prepared = output(lab, "prepare-image", {"imageId": photo, "label": "a box"})
    assert set(prepared) == {"preparedImageId"}
    picture(lab, prepared["preparedImageId"])
    assert lab.image(prepared["preparedImageId"])["width"] == 300
    pose = output(lab, "prepare-pose", {"poseImageId": photo, "aspectRatio": "1:1"})
    assert set(pose) == {"poseId"}
    picture(lab, lab.call("GET", f"/v1/poses/{pose['poseId']}").json()["previewImageId"])


def test_same_inputs_and_seed_give_the_same_bytes_and_another_seed_others(lab: Lab) -> None:
    document = lab.full_naomi_input()
    first, second, other, unseeded = (
        picture(lab, output(lab, "full-naomi", {**document, **change})["imageId"])
        for change in ({}, {}, {"seed": 43}, {"seed": None})
    )
    assert first == second
    assert len({first, other, unseeded}) == 3


def test_picture_depends_on_contents_not_on_ids(lab: Lab) -> None:
    document = lab.full_naomi_input()
    first = picture(lab, output(lab, "full-naomi", document)["imageId"])
    lab.fresh()
    document = lab.full_naomi_input()
    assert picture(lab, output(lab, "full-naomi", document)["imageId"]) == first


def test_picture_shows_which_garment_went_in(lab: Lab) -> None:
    document = lab.full_naomi_input()
    blue = lab.upload(png("blue"))["id"]
    images = []
    for garment in (document["imageId"], blue):
        image_id = output(lab, "full-naomi", {**document, "imageId": garment})["imageId"]
        with Image.open(io.BytesIO(picture(lab, image_id))) as image:
            pixel = image.convert("RGB").resize((16, 16)).getpixel((8, 5))
            assert isinstance(pixel, tuple)
            images.append(pixel)
    red_worn, blue_worn = images
    assert red_worn[0] > red_worn[2]
    assert blue_worn[2] > blue_worn[0]


SHAPES: dict[str, Callable[[str], Any]] = {
    "object": lambda i: {"imageId": i},
    "string": lambda i: i,
    "kind": lambda i: {"kind": "image/single", "imageId": i},
    "json": lambda i: {"kind": "json", "data": {"imageId": i}},
    "images": lambda i: {"images": [{"imageId": i}]},
    "list": lambda i: [i],
    "empty": lambda _: {},
    "null": lambda _: None,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_picture_output_comes_in_the_shape_that_is_set(lab: Lab, shape: str) -> None:
    lab.fresh(outputShape=shape)
    pipeline = lab.pipeline(lab.run("full-naomi", lab.full_naomi_input()))
    made = list(pipeline["state"].values())[-1]["output"]["imageId"]
    assert pipeline["status"] == "completed"
    assert "output" in pipeline
    assert pipeline["output"] == SHAPES[shape](made)
    # The prepare workflows keep theirs.
    assert "preparedImageId" in output(lab, "prepare-image", {"imageId": lab.upload()["id"]})


def test_output_can_be_a_link_an_echo_or_two_pictures(lab: Lab) -> None:
    lab.fresh(outputShape="imageUrl")
    document = lab.full_naomi_input()
    link = output(lab, "full-naomi", document)["imageUrl"]
    assert lab.media("GET", link).headers["Content-Type"] == "image/png"
    lab.stand_in.set_options(outputShape="echo")
    echoed = output(lab, "full-naomi", document)
    assert echoed["imageId"] == document["imageId"]
    picture(lab, echoed["resultImageId"])
    lab.stand_in.set_options(outputShape="kindMultiple")
    several = output(lab, "full-naomi", document)
    assert several["kind"] == "image/multiple"
    assert len({picture(lab, image_id) for image_id in several["imageIds"]}) == 2


@pytest.mark.parametrize("shape", ["object", "string", "data", "empty", "null"])
def test_prepared_output_comes_in_the_shape_that_is_set(lab: Lab, shape: str) -> None:
    lab.fresh(preparedShape=shape)
    pipeline = lab.pipeline(lab.run("prepare-image", {"imageId": lab.upload()["id"]}))
    made = list(pipeline["state"].values())[-1]["output"]["imageId"]
    expected = {
        "object": {"preparedImageId": made},
        "string": made,
        "data": {"data": {"preparedImageId": made}},
        "empty": {},
        "null": None,
    }
    assert pipeline["output"] == expected[shape]


def test_flat_pictures_can_be_padded_to_a_realistic_size(lab: Lab) -> None:
    lab.fresh(drawing="flat", flatPadBytes=200_000)
    content = picture(lab, output(lab, "full-naomi", lab.full_naomi_input())["imageId"])
    assert 200_000 <= len(content) < 201_000
