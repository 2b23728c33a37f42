from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.contracts.messages import Document, Parse
from worker.contracts.presets import with_preset
from worker.contracts.request import parse_document
from worker.errors import InvalidRequestError

PRESETS: dict[str, Any] = {
    "studio": {
        "workflow": "full-naomi",
        "input": {"poseImageId": "s3://catalog/p.png", "aspectRatio": "7:10", "prompt": "{{a}}"},
        "output": "s3://catalog/out/",
    },
    "of-a-rule": {"input": {"prompt": "{sku}"}},
}
SENT = {"requestId": "r-1", "preset": "studio", "input": {"imageId": "s3://catalog/a.png"}}


def test_preset_stands_below_the_request() -> None:
    document = with_preset(
        SENT | {"input": {"imageId": "s3://catalog/a.png", "aspectRatio": "1:1"}}, PRESETS
    )
    assert document == {
        "requestId": "r-1",
        "workflow": "full-naomi",
        "output": "s3://catalog/out/",
        "input": {
            "poseImageId": "s3://catalog/p.png",
            "imageId": "s3://catalog/a.png",
            "aspectRatio": "1:1",
            "prompt": "{a}",
        },
    }
    buckets = frozenset({"catalog"})
    request = parse_document(document, input_buckets=buckets, output_buckets=buckets)
    assert request.input["prompt"] == "{a}"


def test_null_takes_a_field_of_the_preset_away() -> None:
    document = with_preset(SENT | {"input": {"prompt": None}}, PRESETS)
    assert "prompt" not in document["input"]


@pytest.mark.parametrize("document", [{"requestId": "r"}, {"requestId": "r", "preset": None}])
def test_request_without_a_preset_comes_back_as_it_is(document: dict) -> None:
    assert with_preset(document, PRESETS) == {"requestId": "r"}


@pytest.mark.parametrize(
    ("name", "presets", "said"),
    [
        (
            "studios",
            PRESETS,
            'preset: "studios": is not a preset: the rules file has .*did you mean',
        ),
        ("studio", {}, "there are no presets: no rules file is in force.*WORKER_DROP_RULES"),
        (7, PRESETS, "preset: 7: must be text"),
        ("of-a-rule", PRESETS, r"input.prompt needs the name \{sku\}"),
    ],
)
def test_preset_that_cannot_be_used_is_a_problem_of_the_request(
    name: Any, presets: Any, said: Any
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        with_preset(SENT | {"preset": name}, presets)


def test_preset_that_nobody_resolved_is_refused(parse: Parse, document: Document) -> None:
    with pytest.raises(InvalidRequestError, match='preset: "studio": can only be used by a worker'):
        parse(json.dumps(document | {"preset": "studio"}))
