"""From notes of invocations to figures per job, for the bench of waiting."""

import json
from dataclasses import replace

import pytest

from bench.waiting.invocations import LATENCY_MS, Invocation, parse_lines, per_job, share_of

POLL = Invocation(
    function="polls",
    at_s=0.0,
    ms=20.2,
    cpu_ms=5.12,
    init_ms=0.0,
    init_cpu_ms=0.0,
    records=1,
    kept=1,
    calls={"dynamodb.GetItem": 1, "sqs.ChangeMessageVisibilityBatch": 1, "hautech.api": 1},
)
COLLECT = replace(POLL, kept=0, calls={"dynamodb.PutItem": 2, "s3.PutObject": 2})
STAGE = replace(POLL, function="requests", kept=0, calls={"sqs.SendMessageBatch": 1})


def test_billed_is_init_and_handler_rounded_up_to_a_millisecond():
    assert POLL.billed_ms == 21
    assert replace(POLL, init_ms=100.9).billed_ms == 122


def test_reckoned_is_cpu_at_the_share_of_the_memory_plus_a_wait_per_call():
    waits_ms = LATENCY_MS["dynamodb"] + LATENCY_MS["sqs"] + LATENCY_MS["hautech.api"]
    assert POLL.reckoned_ms == pytest.approx(5.12 * 1769 / 512 + waits_ms, abs=1)


def test_how_long_it_took_here_does_not_change_what_is_reckoned():
    assert replace(POLL, ms=9000.0, init_ms=9000.0).reckoned_ms == POLL.reckoned_ms


def test_the_waits_of_a_batch_are_side_by_side_as_far_as_there_are_threads():
    ten = replace(POLL, records=10, cpu_ms=0.0, calls={"hautech.api": 10})
    assert ten.reckoned_ms == LATENCY_MS["hautech.api"]
    hundred = replace(POLL, records=100, cpu_ms=0.0, calls={"hautech.api": 100})
    assert hundred.reckoned_ms == pytest.approx(LATENCY_MS["hautech.api"] * 100 / 32, abs=1)


@pytest.mark.parametrize(
    ("records", "kept", "own", "requests"),
    [(1, 1, 1, 2), (1, 0, 0, 2), (100, 100, 10, 20), (25, 3, 1, 7), (0, 0, 0, 0)],
)
def test_sqs_requests_include_what_lambda_receives_and_deletes(records, kept, own, requests):
    calls = {"sqs.ChangeMessageVisibilityBatch": own}
    assert replace(POLL, records=records, kept=kept, calls=calls).sqs_requests == requests


def test_a_poll_that_ended_one_job_of_a_batch_is_not_waiting():
    assert POLL.is_waiting
    assert not replace(POLL, records=2, kept=1).is_waiting
    assert not replace(STAGE, kept=1).is_waiting
    assert not replace(POLL, records=0, kept=0).is_waiting


def test_staging_waiting_and_collecting_are_told_apart():
    load = per_job([STAGE, STAGE, POLL, POLL, POLL, COLLECT, COLLECT], jobs=2)
    assert load.staging.invocations == 1.0
    assert load.waiting.invocations == 1.5
    assert load.collecting.invocations == 1.0
    assert load.invocations == 3.5
    assert load.pending_polls == 1.5
    assert load.calls["s3.PutObject"] == 2.0
    assert load.billed_s == pytest.approx(7 * 0.021 / 2)


def test_what_runs_by_the_clock_belongs_to_no_job():
    by_the_clock = replace(POLL, function="reconcile", records=0, kept=0)
    assert per_job([STAGE, by_the_clock], jobs=1) == per_job([STAGE], jobs=1)


def test_a_pending_poll_beside_one_that_ended_is_a_pending_poll_all_the_same():
    assert per_job([replace(COLLECT, records=3, kept=2)], jobs=1).pending_polls == 2
    assert per_job([replace(STAGE, records=3, kept=2)], jobs=1).pending_polls == 0


def test_no_invocation_is_no_cost():
    nothing = share_of([], jobs=10)
    assert (nothing.invocations, nothing.billed_s, nothing.handler_ms) == (0, 0, 0)


def test_a_line_that_is_still_being_written_is_left_for_the_next_time():
    line = json.dumps(
        {
            "function": "polls",
            "at": 0.0,
            "ms": 20.2,
            "cpuMs": 5.12,
            "initMs": 0.0,
            "initCpuMs": 0.0,
            "records": 1,
            "kept": 1,
            "calls": POLL.calls,
        }
    )
    assert parse_lines(f"{line}\n{line[:30]}") == [POLL]
