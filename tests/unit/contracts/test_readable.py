from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.contracts.messages import EventText
from worker.contracts.readable import readable_metadata, readable_request_id, readable_workflow


def read(body: Any) -> tuple:
    return readable_request_id(body), readable_workflow(body), readable_metadata(body)


def test_wrong_request_still_tells_what_is_right_in_it(event_text: EventText) -> None:
    body = event_text("refused/wrong-input.json")
    assert read(body) == read(body.encode()) == ("sku-10-front", "full-naomi", {"sku": "10"})


def test_request_inside_envelopes_is_read(event_text: EventText) -> None:
    body = event_text("requests/full-naomi.eventbridge-in-sns.json")
    assert read(body) == ("sku-1042-front", "full-naomi", {"sku": "1042"})


def test_text_that_was_cut_short_still_tells_its_request(event_text: EventText) -> None:
    body = event_text("refused/cut-short.txt")
    assert read(body) == ("sku-7-front", "full-naomi", {})
    notification = json.dumps({"Type": "Notification", "Message": body})
    assert read(notification) == ("sku-7-front", "full-naomi", {})


def test_repeated_keys_elsewhere_do_not_hide_the_request(event_text: EventText) -> None:
    body = event_text("refused/repeated-key.json")
    assert read(body) == ("sku-8-front", "prepare-image", {})


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        b"\xff\xfe",
        "[" * 100_000,
        '{"requestId": 7, "workflow": {}, "metadata": []}',
        '{"requestId": "a b", "workflow": "noami", "metadata": {"": 1}}',
        '{"requestId": "a", "requestId": "b", "workflow": "naomi", "workflow": "naomi"}',
        '{"requestId": "a", "metadata": {"requestId": "b"',
    ],
)
def test_what_is_invalid_or_ambiguous_is_not_read(body: Any) -> None:
    assert read(body) == (None, None, {})


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"', "[" * 40 + "]" * 40])
def test_metadata_that_cannot_stand_in_an_event_is_not_read(value: Any) -> None:
    assert readable_metadata('{"metadata": {"a": ' + value + "}}") == {}
