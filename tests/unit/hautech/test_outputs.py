"""The result of a run is found in every shape we know of, and an input is never taken for it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hautech.fakes import unhurried
from worker.hautech import ImageRef, find_images, read_pose_id, read_prepared_image_id
from worker.hautech.outputs import is_uuid

A = "0d9f3c2e-5a51-4b8e-9d0e-111111111111"
B = "0d9f3c2e-5a51-4b8e-9d0e-222222222222"
SENT = "0d9f3c2e-5a51-4b8e-9d0e-999999999999"
URL = "https://cdn.hautech.ai/a.png?sig=1"
URL_2 = "https://cdn.hautech.ai/b.png?sig=2"


@pytest.mark.parametrize(
    ("output", "ids"),
    [
        (A, [A]),
        (A.upper(), [A.upper()]),
        ({"imageId": A}, [A]),
        ({"imageId": "opaque-id"}, ["opaque-id"]),
        ({"kind": "image/single", "imageId": A}, [A]),
        ({"kind": "image/multiple", "imageIds": [A, B]}, [A, B]),
        ({"kind": "json", "data": {"imageId": A}}, [A]),
        ({"kind": "image", "id": A, "url": URL}, [A]),
        ({"resultImageId": A}, [A]),
        ({"generatedImageId": A}, [A]),
        ({"outputImageId": A}, [A]),
        ({"finalImageId": A}, [A]),
        ({"images": [{"id": A, "url": URL}, {"id": B}]}, [A, B]),
        ({"images": [{"imageId": A}, B]}, [A, B]),
        ({"image": {"id": A, "url": URL}}, [A]),
        ({"image": A}, [A]),
        ({"output": {"result": {"data": {"imageId": A}}}}, [A]),
        ({"output": [A, B]}, [A, B]),
        ([{"imageId": A}, {"imageId": B}, {"imageId": A}], [A, B]),
        ({"dressedImageId": A}, [A]),
        ({"dressedImageId": A, "poseImageId": B, "preparedImageId": B}, [A]),
        ({"imageId": SENT, "resultImageId": A}, [A]),
        ({"imageId": SENT.upper(), "data": {"imageId": A}}, [A]),
        ({"imageUrl": URL, "data": {"imageId": A}}, [A]),
        ({"imageId": A, "finalImageId": B}, [A]),
    ],
)
def test_generated_ids_are_found_in_every_known_shape(output: Any, ids: Any) -> None:
    assert find_images(output, sent_ids=[SENT]) == tuple(ImageRef(image_id=one) for one in ids)


@pytest.mark.parametrize(
    ("output", "urls"),
    [
        (URL, [URL]),
        ({"imageUrl": URL}, [URL]),
        ({"url": URL}, [URL]),
        ({"resultUrl": URL}, [URL]),
        ({"imageUrls": [URL, URL_2, URL]}, [URL, URL_2]),
        ({"urls": [URL]}, [URL]),
        ({"images": [{"url": URL}, {"url": URL_2}]}, [URL, URL_2]),
        ({"output": {"image": {"url": URL}}}, [URL]),
        ({"imageId": URL}, [URL]),
        ({"imageId": SENT, "url": URL}, [URL]),
        ([URL, URL_2], [URL, URL_2]),
    ],
)
def test_links_are_taken_where_no_id_is_named(output: Any, urls: Any) -> None:
    assert find_images(output, sent_ids=[SENT]) == tuple(ImageRef(url=one) for one in urls)


@pytest.mark.parametrize(
    "output",
    [
        None,
        {},
        [],
        "",
        "a sentence",
        0,
        True,
        SENT,
        {"imageId": SENT},
        {"imageId": None},
        {"imageId": 7},
        {"firstImageId": A, "secondImageId": B},
        {"poseImageId": A},
        {"id": A},
        {"data": {"id": A}},
        {"kind": "video/single", "videoId": A},
        {"output": {"output": {"output": {"output": {"output": {"imageId": A}}}}}},
        "ftp://cdn.hautech.ai/a.png",
    ],
)
def test_nothing_is_guessed(output: Any) -> None:
    assert find_images(output, sent_ids=[SENT]) == ()


def test_a_reference_shows_no_link_when_printed() -> None:
    assert "sig" not in repr(ImageRef(url=URL))


@pytest.mark.parametrize("name", ["preparedImageId", "poseId"])
@pytest.mark.parametrize("wrap", [None, "data", "output"])
def test_prepared_ids_are_read_directly_wrapped_and_bare(name: Any, wrap: Any) -> None:
    read = read_prepared_image_id if name == "preparedImageId" else read_pose_id
    for plain in ({name: "opaque"}, A):
        output: Any = {wrap: plain} if wrap else plain
        assert read(output, sent_ids=[SENT]) in {"opaque", A}


@pytest.mark.parametrize(
    "output", [None, {}, [], "words", {"imageId": A}, {"poseId": None}, {"poseId": SENT}, SENT]
)
def test_prepared_ids_are_not_guessed_either(output: Any) -> None:
    assert read_pose_id(output, sent_ids=[SENT]) is None
    assert read_prepared_image_id(output, sent_ids=[SENT]) is None


keys = st.sampled_from(
    [
        "imageId",
        "finalImageId",
        "imageIds",
        "images",
        "output",
        "result",
        "data",
        "image",
        "url",
        "imageUrls",
        "kind",
        "id",
        "poseImageId",
        "xImageId",
        "poseId",
        "preparedImageId",
    ]
)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
values = st.recursive(
    leaves | st.sampled_from([A, B, SENT, URL, "image", "image/single", "json"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@unhurried
@given(values)
def test_a_sent_id_is_never_the_result(output: Any) -> None:
    for found in find_images(output, sent_ids=[SENT]):
        assert (found.image_id is None) != (found.url is None)
        assert found.image_id != SENT
    assert read_pose_id(output, sent_ids=[SENT]) != SENT


@unhurried
@given(values)
def test_results_are_distinct_and_all_of_one_sort(output: Any) -> None:
    found = find_images(output)
    assert len(set(found)) == len(found)
    assert len({one.image_id is None for one in found}) <= 1


@unhurried
@given(values)
def test_finding_twice_finds_the_same(output: Any) -> None:
    assert find_images(output) == find_images(output)


def test_deep_nesting_ends() -> None:
    output: Any = A
    for _ in range(5000):
        output = {"images": [output]}
    assert find_images(output) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, True),
        (A.upper(), True),
        (A.replace("-", ""), False),
        ("{" + A + "}", False),
        ("", False),
    ],
)
def test_only_the_usual_form_is_a_uuid(text: Any, expected: Any) -> None:
    assert is_uuid(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        " https://cdn.hautech.ai/a.png?sig=hush",
        "gs://pictures/a.png?sig=hush",
        "//cdn.hautech.ai/a.png?sig=hush",
        "h<ttps://user:hush@cdn.hautech.ai/a.png",
        "see https://cdn.hautech.ai/a.png?sig=hush",
        "x" * 201,
        "",
    ],
)
def test_a_link_in_a_form_that_is_not_followed_is_no_id(text: Any) -> None:
    # Ids are stored and shown; links are secrets.
    for output in ({"imageId": text}, {"image": {"id": text}}, {"images": [text]}):
        assert find_images(output) == ()
    assert read_pose_id({"poseId": text}) is None
