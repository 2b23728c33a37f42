from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from worker.contracts.dead_letter import DeadLetterReason, dead_letter_attributes

AT = datetime(2026, 5, 4, 9, 13, 2, tzinfo=UTC)


def reason(**changes: Any) -> DeadLetterReason:
    values: dict[str, Any] = {
        "error_code": "request.invalid",
        "error_message": "input.seed: must be a whole number",
        "error_stage": "accept",
        "request_id": "sku-1042-front",
        "event_id": "e-1",
        "failed_at": AT,
    }
    return DeadLetterReason(**(values | changes))


def test_reason_reads_back_from_its_attributes() -> None:
    found = reason().to_attributes()
    assert found == {
        "errorCode": "request.invalid",
        "errorMessage": "input.seed: must be a whole number",
        "errorStage": "accept",
        "requestId": "sku-1042-front",
        "eventId": "e-1",
        "failedAt": "2026-05-04T09:13:02.000Z",
    }
    assert DeadLetterReason.from_attributes(found) == reason()
    assert DeadLetterReason.from_attributes(found | {"other": "x"}) == reason()


def test_unknown_ids_are_left_out_because_sqs_takes_no_empty_value() -> None:
    unnamed = reason(request_id=None, event_id=None, error_message="")
    assert set(unnamed.to_attributes()) == {"errorCode", "errorStage", "failedAt"}
    assert DeadLetterReason.from_attributes(unnamed.to_attributes()) == unnamed


def test_message_is_cut_and_cleaned_of_what_sqs_refuses() -> None:
    message = "line\nbreak\x00\x1b\ufffe\ud800" + "x" * 2_000
    text = reason(error_message=message).to_attributes()["errorMessage"]
    assert text.startswith("line break  \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}xxx")
    assert len(text) == 1_000
    assert text.endswith("x…")
    assert text.isprintable()
    text.encode()


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"errorCode": "x"},
        {"failedAt": "2026-05-04T09:13:02Z"},
        {"errorCode": "x", "failedAt": "yesterday"},
    ],
)
def test_dead_letter_that_no_worker_wrote_has_no_reason(attributes: Any) -> None:
    assert DeadLetterReason.from_attributes(attributes) is None


def test_primitive_arguments_are_enough() -> None:
    found = dead_letter_attributes(
        error_code="c", error_message="m", error_stage="poll",
        request_id=None, event_id="e", failed_at=AT,
    )  # fmt: skip
    assert found["errorStage"] == "poll"


def test_attributes_that_somebody_else_wrote_are_read_as_short_lines() -> None:
    forged = {
        "errorCode": "x\nfake",
        "errorMessage": "all good\x1b[2J\n" * 1_000,
        "requestId": "sku-2\r\n" * 1_000,
        "failedAt": "2026-03-01T12:00:00Z",
    }
    read = DeadLetterReason.from_attributes(forged)
    assert read is not None
    texts = (read.error_code, read.error_message, read.request_id or "")
    assert all(text.isprintable() for text in texts)
    assert [len(text) for text in texts] == [6, 1_000, 256]
