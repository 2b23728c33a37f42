"""The page of the bench of waiting: which figure each aim looks at, and that all of it can be printed."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.machine import machine_facts
from bench.waiting.batches import BatchShare
from bench.waiting.measuring import Found, Plan
from bench.waiting.page import show, verdicts
from tests.unit.bench.test_waiting_costs import LOAD

TEN = BatchShare(
    size=10,
    handler_ms=100.0,
    ms_per_poll=10.0,
    cpu_ms_per_poll=5.0,
    reckoned_ms_per_poll=40.0,
    sqs_per_poll=0.2,
)
FOUND = Found(
    machine=machine_facts(),
    plan=Plan(),
    first=LOAD,
    load=LOAD,
    batches=[replace(TEN, size=1, reckoned_ms_per_poll=250.0), TEN],
    reconcile_s=0.3,
    took_s=1.0,
)


def found_of(found: Found) -> list[float | None]:
    return [one.found for one in verdicts(found)]


def test_aims_look_at_what_lambda_would_bill():
    share, billed_s, waiting_s, alone_s, in_batches_s = found_of(FOUND)
    assert share is not None
    assert 0 < share < 1
    assert billed_s == 4.0
    assert waiting_s == 0.5
    assert alone_s == pytest.approx(3 * 0.250)
    assert in_batches_s == pytest.approx(3 * 0.040)


def test_the_longer_the_pipelines_the_better_it_is_not_to_sleep():
    long = replace(FOUND, plan=replace(FOUND.plan, pipeline_s=600.0))
    assert (found_of(long)[0] or 1.0) < (found_of(FOUND)[0] or 0.0)


def test_all_of_it_is_on_the_page():
    text = io.StringIO()
    show(FOUND, Console(file=text, width=130))
    for word in ("waiting", "Fargate Spot", "DynamoDB", "1,314,000 long", "hautech.media 800 ms"):
        assert word in " ".join(text.getvalue().split()), word


def test_the_document_holds_plain_values_only():
    document = FOUND.to_json()
    assert document["load"]["waiting"]["reckoned_s"] == 0.5
    assert document["plan"]["pipeline_s"] == 60.0
