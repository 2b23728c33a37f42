from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.contracts.messages import EventText
from worker.contracts.result import (
    EVENT_TYPES,
    ErrorInfo,
    Output,
    PipelineUse,
    ResultData,
    ResultEvent,
    Status,
    Timings,
    message_attributes,
    result_event,
)

AT = datetime(2026, 5, 4, 9, 13, 2, 250_999, tzinfo=UTC)
TIMINGS = Timings(accepted_at=AT, settled_at=AT, total_s=0.5)


def succeeded(**changes: Any) -> ResultData:
    values: dict[str, Any] = {
        "request_id": "sku-1042-front",
        "workflow": "full-naomi",
        "status": "succeeded",
        "timings": TIMINGS,
    }
    return ResultData(**(values | changes))


def failed(**changes: Any) -> ResultData:
    error = ErrorInfo(code="request.invalid", message="no", stage="accept", retryable=False)
    return succeeded(**({"status": "failed", "error": error} | changes))


@pytest.mark.parametrize("name", ["succeeded", "failed"])
def test_published_event_reads_back_to_the_same_text(event_text: EventText, name: Any) -> None:
    text = event_text(f"results/{name}.json")
    event = ResultEvent.loads(text)
    assert json.loads(event.dumps()) == json.loads(text)
    assert ResultEvent.loads(event.dumps()) == event


def test_event_has_every_pinned_field_in_wire_case() -> None:
    output = Output(
        uri="s3://catalog/a.png", content_type="image/png", bytes=1, width=2, height=3,
        sha256="0" * 64,
    )  # fmt: skip
    use = PipelineUse(step="full-naomi", pipeline_id="p-1", credits="0.04375")
    data = succeeded(outputs=(output,), pipelines=(use,), metadata={"sku": "1"})
    event = json.loads(result_event(event_id="e-1", at=AT, data=data).dumps())
    assert (
        event.pop("data")
        == json.loads(data.dumps())
        == {
            "requestId": "sku-1042-front",
            "workflow": "full-naomi",
            "status": "succeeded",
            "outputs": [
                {
                    "uri": "s3://catalog/a.png",
                    "contentType": "image/png",
                    "bytes": 1,
                    "width": 2,
                    "height": 3,
                    "sha256": "0" * 64,
                    "imageId": None,
                    "insteadOf": None,
                    "renditions": [],
                }
            ],
            "result": {},
            "pipelines": [{"step": "full-naomi", "pipelineId": "p-1", "credits": "0.04375"}],
            "error": None,
            "variants": [],
            "partial": False,
            "timings": {
                "acceptedAt": "2026-05-04T09:13:02.250Z",
                "submittedAt": None,
                "pipelineEndedAt": None,
                "settledAt": "2026-05-04T09:13:02.250Z",
                "totalS": 0.5,
            },
            "metadata": {"sku": "1"},
        }
    )
    assert event == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/hautech-worker",
        "type": "ai.hautech.generation.succeeded",
        "subject": "sku-1042-front",
        "time": "2026-05-04T09:13:02.250Z",
        "datacontenttype": "application/json",
    }


def test_same_values_give_the_same_text() -> None:
    east = AT.astimezone(timezone(timedelta(hours=9)))
    first = result_event(event_id="e", at=AT, data=failed())
    assert first.dumps() == result_event(event_id="e", at=east, data=failed()).dumps()


@pytest.mark.parametrize("changes", [{"status": "failed"}, {"error": failed().error}])
def test_error_goes_with_failure_only(changes: Any) -> None:
    with pytest.raises(ValidationError, match="a failed result has an error"):
        succeeded(**changes)


@pytest.mark.parametrize(
    ("status", "subject"), [("failed", "sku-1042-front"), ("succeeded", "other")]
)
def test_event_cannot_contradict_its_data(status: Status, subject: str) -> None:
    with pytest.raises(ValidationError, match="say the same"):
        ResultEvent(id="e", type=EVENT_TYPES[status], subject=subject, time=AT, data=succeeded())


@pytest.mark.parametrize(
    "make",
    [
        lambda: PipelineUse(step="s", pipeline_id="p", credits="1e3"),
        lambda: ErrorInfo(code="c", message="m", stage="paying", retryable=True),
        lambda: Timings(accepted_at=AT.replace(tzinfo=None), settled_at=AT, total_s=0),
        lambda: Timings(accepted_at=AT, settled_at=AT, total_s=float("nan")),
        lambda: Timings(accepted_at=AT, settled_at=AT, total_s=float("inf")),
    ],
    ids=["float credits", "unknown stage", "naive time", "no duration", "endless"],
)
def test_values_that_consumers_could_not_read_are_refused(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


def test_long_error_message_is_cut_so_that_the_event_fits() -> None:
    error = ErrorInfo(code="c", message="x" * 300_000, stage="poll", retryable=True)
    assert len(error.message) == 4_000


def attributes(metadata: Any, **changes: Any) -> dict[str, str]:
    data = failed(metadata=metadata, **changes)
    return message_attributes(result_event(event_id="e", at=AT, data=data))


OWN = {
    "type": "ai.hautech.generation.failed",
    "status": "failed",
    "workflow": "full-naomi",
    "requestId": "sku-1042-front",
}


def test_first_seven_texts_of_the_metadata_become_attributes() -> None:
    texts = {f"k{n}": f"v{n}" for n in range(9)}
    found = attributes({"number": 1, "list": ["a"], "none": None, **texts})
    assert found == OWN | {f"k{n}": f"v{n}" for n in range(7)}


@pytest.mark.parametrize(
    "name",
    ["", ".a", "a.", "a..b", "a b", "ä", "a\n", "AWS.a", "aMaZoN.b", "aws.", "a:b", "ſ", "type", "requestId"],
)  # fmt: skip
def test_names_that_sns_refuses_or_we_use_are_passed_over(name: Any) -> None:
    assert attributes({name: "x", "good": "y"}) == OWN | {"good": "y"}


@pytest.mark.parametrize("name", ["a.b-c_D.9", "AWS", "awsome.x", "k" * 128, "x" * 256])
def test_names_that_sns_takes_are_used(name: Any) -> None:
    assert attributes({name: "x"}) == OWN | {name: "x"}


def test_name_longer_than_sns_allows_is_passed_over() -> None:
    assert attributes({"x" * 257: "x"}) == OWN


@pytest.mark.parametrize("value", ["", "a\x00b", "\x0b", "\ufffe", "\ud800"])
def test_values_that_sns_refuses_are_passed_over(value: Any) -> None:
    assert attributes({"bad": value, "good": "tab\tand 😀"}) == OWN | {"good": "tab\tand 😀"}


def test_unreadable_request_has_only_the_attributes_that_are_known() -> None:
    found = attributes({}, request_id=None, workflow=None)
    assert found == {"type": "ai.hautech.generation.failed", "status": "failed"}
