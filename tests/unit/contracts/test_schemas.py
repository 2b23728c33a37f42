from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from tests.unit.contracts.messages import EventText, Parse
from worker.contracts.poll import PollMessage
from worker.contracts.schemas import REQUEST_EXAMPLE, json_schemas, render_schema

ROOT = Path(__file__).parents[3]
SCHEMAS = json_schemas()


def problems(schema: str, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[schema]).iter_errors(value)]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_published_schema_is_the_one_of_the_models(name: Any) -> None:
    published = (ROOT / "docs/reference/schemas" / name).read_text(encoding="utf-8")
    assert published == render_schema(SCHEMAS[name]), "run `make docs` and commit the result"


def test_no_other_schema_is_published() -> None:
    folder = ROOT / "docs/reference/schemas"
    assert {path.name for path in folder.glob("*.json")} == set(SCHEMAS)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_is_sound(name: Any) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize(
    "name",
    [
        "full-naomi",
        "naomi-raw-photos",
        "naomi-prepared",
        "prepare-image",
        "prepare-pose",
        "any-workflow",
    ],
)
def test_accepted_requests_keep_the_schema(name: Any, event_text: EventText) -> None:
    assert problems("request.schema.json", json.loads(event_text(f"requests/{name}.json"))) == []


def test_example_in_the_schema_is_a_request(parse: Parse) -> None:
    assert problems("request.schema.json", REQUEST_EXAMPLE) == []
    assert parse(REQUEST_EXAMPLE).request_id == REQUEST_EXAMPLE["requestId"]
    assert SCHEMAS["request.schema.json"]["examples"] == [REQUEST_EXAMPLE]


@pytest.mark.parametrize("name", ["everything-wrong", "wrong-input"])
def test_refused_requests_break_the_schema(name: Any, event_text: EventText) -> None:
    assert problems("request.schema.json", json.loads(event_text(f"refused/{name}.json")))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": -1},
        {"seed": 2_147_483_648},
        {"prompt": ""},
        {"label": "x" * 501},
        {"aspectRatio": "2:3"},
        {"imageId": "https://shop.example/x.png"},
        {"imageId": "s3://catalog/folder/"},
        {"imagId": "x"},
    ],
)
def test_schema_knows_the_rules_of_the_input(change: Any) -> None:
    spoiled = REQUEST_EXAMPLE | {"input": REQUEST_EXAMPLE["input"] | change}
    assert problems("request.schema.json", spoiled)


def test_schema_knows_that_a_raw_pose_needs_a_ratio(event_text: EventText) -> None:
    request = json.loads(event_text("requests/naomi-raw-photos.json"))
    del request["input"]["aspectRatio"]
    assert problems("request.schema.json", request) == ["'aspectRatio' is a required property"]


def test_messages_that_workers_write_keep_their_schemas(event_text: EventText) -> None:
    poll = json.loads(PollMessage(request_id="a", ticket=0).dumps())
    assert problems("poll.schema.json", poll) == []
    for name in ("succeeded", "failed"):
        event = json.loads(event_text(f"results/{name}.json"))
        assert problems("result-event.schema.json", event) == []
        del event["data"]["timings"]["totalS"]
        assert problems("result-event.schema.json", event)


def test_every_field_of_a_request_is_described() -> None:
    schema = SCHEMAS["request.schema.json"]
    for definition in (schema, *schema["$defs"].values()):
        for name, field in definition.get("properties", {}).items():
            assert field.get("description"), name
