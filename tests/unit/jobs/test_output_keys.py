"""Where pictures stand: the same key each time, and no other request's."""

from typing import Any

import pytest

from tests.builders import new_job
from worker.jobs.output_keys import (
    aside_key,
    document_key,
    known_keys,
    output_key,
    picture_key,
    rendition_key,
)


@pytest.mark.parametrize(
    ("place", "index", "count", "mime", "key"),
    [
        ("gen/", 0, 1, "image/png", "gen/r.png"),
        ("", 0, 1, "image/jpeg", "r.jpg"),
        ("gen/", 0, 2, "image/png", "gen/r-1.png"),
        ("gen/", 1, 2, "image/webp", "gen/r-2.webp"),
        ("gen/front.png", 0, 1, "image/jpeg", "gen/front.png"),
        ("gen/front.png", 1, 2, "image/png", "gen/front-2.png"),
        ("front", 1, 2, "image/png", "front-2.png"),
    ],
)
def test_output_keys(place: str, index: int, count: int, mime: str, key: str) -> None:
    assert output_key(place, "r", index, count, mime) == key


@pytest.mark.parametrize(
    ("key", "aside"),
    [
        ("gen/sku-1.png", "gen/sku-1.r.png"),
        ("sku", "sku.r"),
        ("a.b/sku", "a.b/sku.r"),
        (".png", ".png.r"),
        (f"gen/{'ä' * 508}.png", f"gen/{'ä' * 507}.r.png"),
    ],
)
def test_beside_a_taken_key_is_one_that_names_the_request(key: str, aside: str) -> None:
    assert aside_key(key, "r") == aside
    assert len(aside.encode()) <= 1024


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("gen/", "gen/r.json"),
        ("", "r.json"),
        ("a/b/front.png", "a/b/r.json"),
        ("front.png", "r.json"),
    ],
)
def test_the_document_stands_beside_the_outputs(place: str, key: str) -> None:
    assert document_key(place, "r") == key


def keyed(key: str, **changes: Any) -> Any:
    return new_job(output="s3://shop/gen/", outputOptions={"key": key}, **changes)


@pytest.mark.parametrize(
    ("template", "index", "count", "key"),
    [
        ("{sku}/{requestId}-{n}.{ext}", 0, 1, "gen/1042/sku-1042-front-1.webp"),
        ("{sku}/{requestId}-{n}.{ext}", 1, 2, "gen/1042/sku-1042-front-2.webp"),
        ("{workflow}-{seed}.{ext}", 0, 1, "gen/full-naomi-42.webp"),
        ("{workflow}-{seed}.{ext}", 1, 2, "gen/full-naomi-42-2.webp"),
        ("front.jpg", 0, 1, "gen/front.jpg"),
        ("front.jpg", 2, 3, "gen/front-3.webp"),
        ("{{{sku}}}", 0, 1, "gen/{1042}"),
    ],
)
def test_keys_by_a_template(template: str, index: int, count: int, key: str) -> None:
    assert picture_key(keyed(template), index, count, "image/webp") == key


def test_metadata_gives_no_other_meaning_to_a_name_that_has_one() -> None:
    job = keyed("{n}-{requestId}-{sku}.{ext}", metadata={"n": "9", "requestId": "x", "sku": "{n}"})
    assert picture_key(job, 0, 1, "image/png") == "gen/1-sku-1042-front-{n}.png"


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"output": "s3://shop/gen/"}, ()),
        ({"output": "s3://shop/gen/front.png"}, ("gen/front.png",)),
        ({"output": "s3://shop/gen/", "outputOptions": {"key": "{sku}.{ext}"}}, ()),
        ({"output": "s3://shop/gen/", "outputOptions": {"key": "{sku}.jpg"}}, ("gen/1042.jpg",)),
    ],
)
def test_a_key_is_known_beforehand_where_its_extension_is(
    changes: dict[str, Any], keys: tuple[str, ...]
) -> None:
    assert known_keys(new_job(**changes)) == keys


def test_a_rendition_stands_beside_its_picture() -> None:
    assert rendition_key("a.b/front.png", 800, "webp") == "a.b/front-800w.webp"
