from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tests.unit.contracts.messages import Document, EventText, Parse
from worker.contracts.request import Request, content_digest, s3_references
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import (
    ASPECT_RATIO_SIZES,
    WORKFLOWS,
    AspectRatio,
    WorkflowName,
    workflow_id_of,
)


@pytest.mark.parametrize(
    "name",
    [
        "full-naomi",
        "full-naomi.sns",
        "full-naomi.eventbridge",
        "full-naomi.eventbridge-in-sns",
        "naomi-raw-photos",
        "naomi-prepared",
        "prepare-image",
        "prepare-pose",
        "any-workflow",
    ],
)
def test_fixture_is_accepted_and_reloads_from_what_it_is_stored_as(
    name: Any, parse: Parse, event_text: EventText
) -> None:
    request = parse(event_text(f"requests/{name}.json"))
    stored = request.model_dump_json()
    assert Request.model_validate_json(stored) == request
    assert content_digest(Request.model_validate_json(stored)) == content_digest(request)
    assert parse(stored) == request


def test_values_of_a_request_are_what_the_message_says(parse: Parse, event_text: EventText) -> None:
    request = parse(event_text("requests/naomi-raw-photos.json"))
    assert request.request_id == "order:77_naomi"
    assert request.workflow == WorkflowName.NAOMI
    assert request.input["seed"] == 0
    assert request.output_uri == S3Uri("catalog", "generated/order-77.png")
    assert request.metadata == {}
    assert request.expires_at == datetime(2030, 1, 31, 12, tzinfo=UTC)


def test_named_workflow_gets_no_null_inputs(parse: Parse, event_text: EventText) -> None:
    assert "label" not in parse(event_text("requests/naomi-prepared.json")).input


def test_any_workflow_gets_its_input_unchanged_and_its_id_in_lower_case(
    parse: Parse, event_text: EventText
) -> None:
    sent = json.loads(event_text("requests/any-workflow.json"))
    request = parse(sent)
    assert request.input == sent["input"]
    assert request.workflow == sent["workflow"].lower()


def test_s3_uris_are_found_where_ids_stand_and_nowhere_else(
    parse: Parse, event_text: EventText
) -> None:
    request = parse(event_text("requests/any-workflow.json"))
    assert [(found.path, str(found.uri)) for found in s3_references(request)] == [
        (("imageIds", 0), "s3://catalog/raw/a.png"),
        (("scene", "backgroundImageId"), "s3://drafts/beach.webp"),
        (("layers", 0, "maskId"), "s3://catalog/masks/1.png"),
    ]


def test_id_rule_reaches_objects_in_lists_of_ids_and_leaves_other_keys_alone(
    parse: Parse, document: Document
) -> None:
    document |= {
        "workflow": "0c9a6c1e-7f5b-4e0a-8e55-0e7c7a1b9f10",
        "input": {
            "groupIds": [{"maskId": "s3://catalog/m.png"}, 7],
            "imageId": {"id": "s3://elsewhere/x.png"},
            "url": "s3://elsewhere/y.png",
            "Ids": "s3://elsewhere/z.png",
        },
    }
    assert [found.path for found in s3_references(parse(document))] == [("groupIds", 0, "maskId")]


def test_versions_of_objects_are_honoured(parse: Parse, event_text: EventText) -> None:
    pose, garment = s3_references(parse(event_text("requests/naomi-raw-photos.json")))
    assert pose.uri.version_id is None
    assert garment.uri.version_id == "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjV"
    assert garment.uri.key == "2026 autumn/Mäntel/weiß.jpg"


def test_request_is_frozen(parse: Parse, document: Document) -> None:
    request = parse(document)
    with pytest.raises(ValidationError):
        request.output = "s3://elsewhere/"


def test_request_can_be_made_in_code_by_field_name() -> None:
    request = Request(request_id="a", workflow="naomi", input={}, output="s3://catalog/")
    assert request.output_uri.key == ""


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2030-01-31T12:00:00Z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31t12:00:00z", datetime(2030, 1, 31, 12, tzinfo=UTC)),
        ("2030-01-31T12:00:00.123456789+05:30", datetime(2030, 1, 31, 6, 30, 0, 123_000, UTC)),
        ("2020-01-01T00:00:00-00:00", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_expiry_is_read_as_utc_to_the_millisecond(
    parse: Parse, document: Document, sent: Any, meant: Any
) -> None:
    assert parse(document | {"expiresAt": sent}).expires_at == meant


def test_every_ratio_has_a_size_that_the_model_accepts(parse: Parse, document: Document) -> None:
    assert set(ASPECT_RATIO_SIZES) == set(get_args(AspectRatio))
    assert len(ASPECT_RATIO_SIZES) == 11
    for ratio, (width, height) in ASPECT_RATIO_SIZES.items():
        document["input"]["aspectRatio"] = ratio
        assert parse(document).input["aspectRatio"] == ratio
        assert width % 16 == height % 16 == 0
        wide, high = map(int, ratio.split(":"))
        assert (width > height) == (wide > high)


def test_workflow_ids_are_those_of_the_api() -> None:
    assert {name: spec.workflow_id for name, spec in WORKFLOWS.items()} == {
        "full-naomi": "dc1bd611-effc-443c-978a-88593553588d",
        "naomi": "b8bfacd4-e6e8-401b-91ce-acc01f1f2b75",
        "prepare-image": "31789314-f1c5-4c9f-9c41-0b6708015788",
        "prepare-pose": "b4aa5223-8e67-4e62-9b70-1672d1bc43c9",
    }
    assert workflow_id_of("naomi") == WORKFLOWS["naomi"].workflow_id
    assert workflow_id_of("0c9a6c1e-7f5b-4e0a-8e55-0e7c7a1b9f10").startswith("0c9a")
    with pytest.raises(ValueError, match="neither full-naomi"):
        workflow_id_of("noami")


DIGEST = "4dacfcc9158191f4ab031ab8acdb5ed4a71d6b119379ee8465403a5af5d66b5e"


@pytest.mark.parametrize(
    "name",
    ["full-naomi", "full-naomi.sns", "full-naomi.eventbridge", "full-naomi.eventbridge-in-sns"],
)
def test_digest_is_the_same_in_every_envelope_and_every_release(
    name: Any, parse: Parse, event_text: EventText
) -> None:
    # Jobs in flight carry this digest: if it changes, every redelivered request is a conflict.
    assert content_digest(parse(event_text(f"requests/{name}.json"))) == DIGEST


def test_digest_with_an_expiry_and_unicode_is_the_same_in_every_release(
    parse: Parse, event_text: EventText
) -> None:
    request = parse(event_text("requests/naomi-raw-photos.json"))
    assert content_digest(request) == (
        "3d8463ecd3ea727ba065aa3ec041785fb1f2046f124269e7bed5f81924a49547"
    )


def test_digest_ignores_spelling(parse: Parse, document: Document) -> None:
    shuffled = {name: document[name] for name in reversed(document)}
    shuffled["input"] = {name: shuffled["input"][name] for name in reversed(shuffled["input"])}
    assert content_digest(parse(json.dumps(shuffled, indent=3))) == DIGEST
    document |= {"expiresAt": None}
    del document["input"]["label"]
    without = content_digest(parse(document))
    document["input"]["label"] = None
    assert content_digest(parse(document)) == without != DIGEST


def test_digest_ignores_time_zone_and_empty_metadata(parse: Parse, document: Document) -> None:
    del document["metadata"]
    document["expiresAt"] = "2030-01-31T12:00:00Z"
    digest = content_digest(parse(document))
    assert content_digest(parse(document | {"metadata": {}})) == digest
    assert content_digest(parse(document | {"metadata": None})) == digest
    assert content_digest(parse(document | {"expiresAt": "2030-01-31T13:00:00+01:00"})) == digest
    assert content_digest(parse(document | {"expiresAt": "2030-01-31T12:00:00.5Z"})) != digest


@pytest.mark.parametrize(
    "change",
    [
        {"requestId": "other"},
        {"workflow": "0c9a6c1e-7f5b-4e0a-8e55-0e7c7a1b9f10"},
        {"output": "s3://catalog/elsewhere/"},
        {"metadata": {"sku": "1043"}},
        {"expiresAt": "2030-01-31T12:00:00Z"},
    ],
)
def test_digest_tells_other_content_apart(parse: Parse, document: Document, change: Any) -> None:
    assert content_digest(parse(document | change)) != DIGEST
