"""The checks themselves: sound evidence passes, and each kind of broken promise is seen."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.builders import NOON, at, new_job
from tests.chaos.checks import CHECKS, violations
from tests.chaos.crew import End
from tests.chaos.evidence import DeadLetter, Evidence, PaidRun
from tests.chaos.orders import Ending, Order, Places, make_orders
from worker.contracts.dead_letter import DeadLetterReason
from worker.jobs.job import JobState, Lease

PICTURE = "s3://shop/chaos/good.png"


def event(request_id: str, *, error: str | None = None, event_id: str = "") -> dict[str, Any]:
    outputs = [] if error else [{"uri": PICTURE, "sha256": "ab"}]
    reason = {"code": error, "message": "the reason"} if error else None
    return {
        "id": event_id or f"event-of-{request_id}",
        "subject": request_id,
        "data": {
            "status": "failed" if error else "succeeded",
            "outputs": outputs,
            "result": {},
            "error": reason,
        },
    }


def dead_letter(request_id: str, code: str, event_id: str) -> DeadLetter:
    reason = DeadLetterReason(
        error_code=code,
        error_message="the reason",
        error_stage="accept",
        request_id=request_id,
        event_id=event_id,
        failed_at=NOON,
    )
    return DeadLetter(body="{}", attributes=reason.to_attributes())


@pytest.fixture
def sound(tmp_path: Path) -> Evidence:
    """One request that succeeded and one that was refused, by a worker that was stopped."""
    log = tmp_path / "worker-001.log"
    log.write_text('{"level": "info", "event": "stopped", "action": "container_stopped"}\n')
    good = Order(
        request_id="good", body="{}", copies=2, ending=Ending.SUCCEEDED, steps=("full-naomi",)
    )
    bad = Order(request_id="bad", body="{", copies=1, ending=Ending.INVALID, has_record=False)
    done = event("good")
    return Evidence(
        orders=[good, bad],
        runs=[PaidRun(pipeline_id="p", request_id="good", step="full-naomi", key="k")],
        events=[done, event("bad", error="request.invalid"), done],
        dead_letters=[dead_letter("bad", "request.invalid", "event-of-bad")],
        jobs={"good": replace(new_job(), state=JobState.SUCCEEDED)},
        records={"good": "{}"},
        objects={PICTURE: "ab"},
        documents={"s3://shop/chaos/good.json": json.dumps(done["data"])},
        in_queues={"requests": 0, "polls": 0},
        ends=[
            End(
                worker="worker-001",
                code=0,
                told=signal.SIGTERM,
                after_s=1.0,
                was_frozen=False,
                log=log,
            )
        ],
        secrets={"the token": "canary-1234"},
    )


def log_line(line: str) -> Callable[[Evidence], Evidence]:
    def spoil(evidence: Evidence) -> Evidence:
        with evidence.ends[0].log.open("a") as log:
            log.write(line)
        return evidence

    return spoil


def test_sound_evidence_has_no_violation(sound: Evidence) -> None:
    assert violations(sound) == []


SPOILT: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "a second run under another key": (
        "nothing_is_paid_twice",
        lambda e: replace(e, runs=[*e.runs, replace(e.runs[0], pipeline_id="q", key="other")]),
    ),
    "a run of a refused request": (
        "only_what_was_asked_for_is_paid",
        lambda e: replace(e, runs=[*e.runs, replace(e.runs[0], request_id="bad")]),
    ),
    "a run without our mark": (
        "only_what_was_asked_for_is_paid",
        lambda e: replace(e, runs=[*e.runs, replace(e.runs[0], request_id="?")]),
    ),
    "no run": ("only_what_was_asked_for_is_paid", lambda e: replace(e, runs=[])),
    "no event": ("every_request_has_one_ending", lambda e: replace(e, events=e.events[1:2])),
    "two endings": (
        "every_request_has_one_ending",
        lambda e: replace(e, events=[*e.events, event("good", event_id="another")]),
    ),
    "the wrong ending": (
        "every_request_has_one_ending",
        lambda e: replace(e, events=[*e.events[::2], event("bad", error="image.missing")]),
    ),
    "one id that says two things": (
        "every_request_has_one_ending",
        lambda e: replace(e, events=[*e.events, event("good", error="attempts.exhausted")]),
    ),
    "a paid run that was given up": (
        "every_request_has_one_ending",
        lambda e: replace(e, events=[event("good", error="submission.unknown"), e.events[1]]),
    ),
    "an event of nobody": (
        "every_request_has_one_ending",
        lambda e: replace(e, events=[*e.events, event("nobody", error="request.invalid")]),
    ),
    "a picture that is not there": (
        "pictures_are_what_events_say",
        lambda e: replace(e, objects={}),
    ),
    "another picture": (
        "pictures_are_what_events_say",
        lambda e: replace(e, objects={PICTURE: "cd"}),
    ),
    "a missing document": (
        "pictures_are_what_events_say",
        lambda e: replace(e, documents={}),
    ),
    "no dead letter": (
        "failures_have_a_reason_and_a_dead_letter",
        lambda e: replace(e, dead_letters=[]),
    ),
    "a dead letter without a reason": (
        "failures_have_a_reason_and_a_dead_letter",
        lambda e: replace(e, dead_letters=[*e.dead_letters, DeadLetter(body="x", attributes={})]),
    ),
    "a dead letter of a request that succeeded": (
        "failures_have_a_reason_and_a_dead_letter",
        lambda e: replace(
            e, dead_letters=[*e.dead_letters, dead_letter("good", "image.missing", "x")]
        ),
    ),
    "a message left": (
        "nothing_is_left_behind",
        lambda e: replace(e, in_queues={"requests": 0, "polls": 1}),
    ),
    "an open job": ("nothing_is_left_behind", lambda e: replace(e, jobs={"good": new_job()})),
    "a held lease": (
        "nothing_is_left_behind",
        lambda e: replace(
            e, jobs={"good": replace(e.jobs["good"], lease=Lease(owner="w", until=at(9)))}
        ),
    ),
    "no record": ("nothing_is_left_behind", lambda e: replace(e, records={})),
    "a secret in a record": (
        "secrets_stay_secret",
        lambda e: replace(e, records={"good": '{"a": "canary-1234"}'}),
    ),
    "a signed link in an event": (
        "secrets_stay_secret",
        lambda e: replace(e, events=[*e.events, {**event("good"), "x": "http://h/a?signature=1"}]),
    ),
    "a secret in a log": (
        "secrets_stay_secret",
        log_line('{"level": "info", "event": "canary-1234"}\n'),
    ),
    "an error in a log": (
        "logs_tell_of_no_bug",
        log_line('{"level": "error", "event": "unforeseen"}\n'),
    ),
    "a traceback in a log": (
        "logs_tell_of_no_bug",
        log_line("Traceback (most recent call last)\n"),
    ),
    "money lost in a log": (
        "logs_tell_of_no_bug",
        log_line('{"level": "warning", "event": "found p (PAID TWICE: q)"}\n'),
    ),
    "a worker that fell over": (
        "workers_end_as_they_are_told",
        lambda e: replace(e, ends=[replace(e.ends[0], told=None, code=1)]),
    ),
    "a worker that did not stop cleanly": (
        "workers_end_as_they_are_told",
        lambda e: replace(e, ends=[replace(e.ends[0], code=-15)]),
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_broken_promise_is_seen(sound: Evidence, name: str) -> None:
    check, spoil = SPOILT[name]
    found = violations(spoil(sound))
    assert any(sentence.startswith(f"{check}: ") for sentence in found), found


def test_every_check_has_evidence_that_breaks_it() -> None:
    assert {check for check, _ in SPOILT.values()} == {check.__name__ for check in CHECKS}


def test_a_call_that_was_lost_twice_and_cost_nothing_may_be_given_up(sound: Evidence) -> None:
    failed = event("good", error="submission.unknown")
    lost = replace(
        sound,
        runs=[],
        events=[failed, sound.events[1]],
        dead_letters=[*sound.dead_letters, dead_letter("good", "submission.unknown", failed["id"])],
        documents={"s3://shop/chaos/good.json": json.dumps(failed["data"])},
    )
    assert violations(lost) == []


def test_a_line_that_a_kill_cut_off_is_no_bug(sound: Evidence) -> None:
    (end,) = sound.ends
    killed = replace(end, code=-signal.SIGKILL, told=signal.SIGKILL)
    log_line('{"level": "in')(sound)
    assert violations(replace(sound, ends=[killed])) == []
    assert violations(sound) != []


def test_orders_are_of_all_kinds_and_the_same_for_the_same_seed() -> None:
    places = Places(
        garment="s3://in/raw/a.png",
        pose="s3://in/b.png",
        page="s3://in/c.png",
        output="s3://out/",
    )
    orders = make_orders(30, places, Random(1))
    assert orders == make_orders(30, places, Random(1))
    assert {order.ending for order in orders} == set(Ending)
    assert len({order.request_id for order in orders}) == 30
    assert {order.copies for order in orders} == {1, 2, 3, 4, 5}
