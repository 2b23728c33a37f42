"""Jobs whose message was lost go on by themselves; healthy ones are none the worse for it."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.builders import body, new_job
from tests.scenarios.crash import Killed, When
from tests.scenarios.harness import Service
from tests.scenarios.shapes import Shape, assert_promises_kept
from tests.scenarios.test_crashes import FULL_NAOMI, NAOMI, outside_calls
from tests.scenarios.test_trouble import failing
from worker.engine.reconcile import silence_s
from worker.engine.rules import EngineRules
from worker.errors import CredentialsRefusedError, RecordTooLargeError, UnavailableError
from worker.jobs.job import Job, JobState, Lease
from worker.jobs.outcomes import Done

LONG_S = 2_000
"""Longer than any job may be silent."""


def lose_messages(service: Service) -> None:
    """A purge, or what SQS moved away: no message is left."""
    for queue in (service.world.requests, service.world.polls):
        queue.purge()


def stopped_at(call: str, *, shape: Shape = FULL_NAOMI) -> Service:
    """A service whose worker was killed just after its first such call; its messages are lost."""
    service = shape.service()
    service.kill_at(outside_calls(shape).index(call) + 1, "after")
    service.run_until_killed()
    lose_messages(service)
    return service


def running() -> Service:
    service = Service()
    service.send(body())
    service.step()
    assert service.job.state is JobState.RUNNING
    return service


def announcing() -> Service:
    service = Service()
    failing(service.world.topic, "publish", iter([UnavailableError("503")] * 3))
    service.send(body())
    while not service.job_is(JobState.ANNOUNCING):
        service.step()
    return service


@pytest.mark.parametrize(
    "call",
    ["store.create", "hautech.upload", "store.save", "hautech.run", "queue.send_poll"],
)
def test_a_job_whose_messages_were_lost_goes_on_wherever_it_stood(call: str) -> None:
    service = stopped_at(call)
    service.world.clock.advance(LONG_S)
    report = service.reconcile()
    assert [one.request_id for one in report.woken] == ["sku-1042-front"]
    service.run()
    assert_promises_kept(service, FULL_NAOMI)


def test_a_job_of_three_steps_goes_on_from_each_lost_message() -> None:
    service = stopped_at("hautech.run", shape=NAOMI)
    for _ in range(3):
        service.world.clock.advance(LONG_S)
        assert len(service.reconcile().woken) == 1
        service.step()
        if service.job.state.is_final:
            break
        lose_messages(service)
    service.world.clock.advance(LONG_S)
    service.reconcile()
    service.run()
    assert_promises_kept(service, NAOMI)


def test_a_verdict_whose_message_was_lost_is_announced() -> None:
    service = announcing()
    lose_messages(service)
    service.world.clock.advance(LONG_S)
    assert len(service.reconcile().woken) == 1
    service.run()
    assert_promises_kept(service, FULL_NAOMI)


@pytest.mark.parametrize("state_of", [running, announcing], ids=["running", "announcing"])
def test_a_healthy_job_that_is_woken_is_not_changed_by_it(state_of: Callable[[], Service]) -> None:
    service = state_of()
    service.world.clock.advance(LONG_S)
    assert len(service.reconcile().woken) == 1
    assert len(service.world.polls) == 2  # the message it had, and the new one
    service.run()
    assert_promises_kept(service, FULL_NAOMI)


def test_a_backlog_older_than_the_silence_gets_shorter_all_the_same() -> None:
    """Workers manage one message in 5 min: most jobs wait for longer than 15 min, and are woken."""
    service = Service()
    names = [f"sku-{number}" for number in range(10)]
    for name in names:
        service.send(body(requestId=name))
    service.run_for(deliveries=len(names))
    deliveries = 0
    while any(not job.state.is_final for job in service.world.store.all_jobs()):
        service.world.clock.advance(300)
        service.reconcile()
        service.step()
        deliveries += 1
        assert deliveries < 10 * len(names), "woken jobs never come to the head of the line"
    assert len(service.events) == len(names)
    service.run()
    assert len(service.world.polls) == 0


def test_each_wake_without_progress_doubles_the_silence_before_the_next() -> None:
    service = running()
    for silence_min in (15, 30, 60, 120):
        lose_messages(service)
        service.world.clock.advance(60 * silence_min - 1)
        assert service.reconcile().woken == ()
        service.world.clock.advance(2)
        assert len(service.reconcile().woken) == 1
    assert service.job.wakes == 4


def test_however_often_a_job_was_woken_it_is_woken_again_some_day() -> None:
    rules = EngineRules(input_buckets=frozenset(), output_buckets=frozenset())
    five_days_s = 5 * 24 * 3_600
    assert five_days_s < silence_s(rules, JobState.RUNNING, wakes=10_000) < 1.1 * five_days_s


def test_a_job_that_got_on_is_woken_as_soon_as_at_first() -> None:
    service = stopped_at("hautech.run", shape=NAOMI)
    for _ in range(2):
        service.world.clock.advance(4 * LONG_S)
        service.reconcile()
        lose_messages(service)
    assert service.job.wakes == 2
    service.world.clock.advance(4 * LONG_S)
    service.reconcile()
    service.step()
    assert (service.job.state, service.job.wakes) == (JobState.RUNNING, 0)
    lose_messages(service)
    service.world.clock.advance(901)
    assert len(service.reconcile().woken) == 1


def test_a_job_with_a_fresh_record_is_left_alone() -> None:
    service = running()
    version = service.job.version
    service.world.clock.advance(899)
    report = service.reconcile()
    assert (report.woken, report.left_alone) == ((), 0)
    assert service.job.version == version


def test_an_accepted_job_whose_request_message_may_rest_is_left_alone() -> None:
    service = stopped_at("store.create")
    silent_s = (service.world.clock.now() - service.job.updated_at).total_seconds()
    service.world.clock.advance(1_790 - silent_s)  # a request rests 900 s and a fifth at most
    assert service.reconcile().woken == ()


def test_a_job_in_a_workers_hands_is_left_to_it() -> None:
    service = running()
    service.world.clock.advance(LONG_S)
    service.hold(service.job)
    report = service.reconcile()
    assert (report.woken, report.left_alone) == ((), 1)


def test_a_worker_that_is_faster_wins_the_race() -> None:
    """The job is taken between our look and our write."""
    service = running()
    service.world.clock.advance(LONG_S)
    loads = service.world.store.load

    def load_and_lose(request_id: str) -> object:
        job = loads(request_id)
        assert job is not None
        service.hold(job)
        return job

    service.world.store.load = load_and_lose  # type: ignore[method-assign, assignment]  # -- the race
    report = service.reconcile()
    assert (report.woken, report.left_alone) == ((), 1)
    assert len(service.world.polls) == 1


def test_a_list_that_is_behind_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    service = running()
    service.world.clock.advance(LONG_S)
    old = list(service.world.store.unchanged_since(service.world.clock.now(), JobState.RUNNING))
    monkeypatch.setattr(
        service.world.store,
        "unchanged_since",
        lambda _, state: old if state is JobState.RUNNING else [],
    )
    assert len(service.reconcile().woken) == 1
    report = service.reconcile()
    assert (report.woken, report.left_alone) == ((), 1)


def test_final_jobs_are_never_woken() -> None:
    service = Service()
    service.send(body())
    service.run()
    service.world.clock.advance(LONG_S)
    assert service.reconcile().woken == ()


def test_a_run_is_bounded_and_the_next_one_goes_on_with_the_longest_silence_first() -> None:
    service = Service()
    for number in range(1_100):
        service.world.store.create(new_job("prepare-pose", requestId=f"sku-{number:04}"))
    first = service.reconcile()
    assert (len(first.woken), first.is_complete) == (1_000, False)
    assert first.woken[0].request_id == "sku-0000"
    second = service.reconcile()
    assert (len(second.woken), second.is_complete) == (100, True)
    assert len(service.world.polls) == 1_100


def test_a_run_ends_when_the_time_does() -> None:
    service = running()
    service.world.clock.advance(LONG_S)
    service.world.budget.left_s = 4
    report = service.reconcile()
    assert (report.woken, report.is_complete) == ((), False)


RECONCILE_CALLS = [
    *["store.unchanged_since"] * 3,
    *["store.load", "store.take_lease", "store.save", "queue.send_poll"],
]


@pytest.mark.parametrize("number", range(1, len(RECONCILE_CALLS) + 1))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_reconciling_is_repaired_by_the_next_run(number: int, when: When) -> None:
    service = running()
    lose_messages(service)
    service.world.clock.advance(LONG_S)
    service.killer.calls.clear()
    service.kill_at(number, when)
    with pytest.raises(Killed, match=RECONCILE_CALLS[number - 1]):
        service.reconcile()
    service.world.clock.advance(LONG_S)
    service.reconcile()
    service.run()
    assert_promises_kept(service, FULL_NAOMI)


def test_a_woken_job_that_has_cost_nothing_is_held_against_the_rules_of_today() -> None:
    service = stopped_at("store.create")
    service.change_rules(input_buckets=frozenset({"elsewhere"}))
    service.world.clock.advance(LONG_S)
    service.reconcile()
    service.run()
    assert service.event.data.error is not None
    assert service.event.data.error.code == "request.invalid"
    assert service.world.hautech.uploads == 0


def test_a_record_of_a_newer_release_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    service = running()
    service.world.clock.advance(LONG_S)
    record = service.world.store._records["sku-1042-front"]
    newer = json.dumps({**json.loads(record.document), "steps": "of another kind"})
    changed = dataclasses.replace(record, document=newer)
    monkeypatch.setitem(service.world.store._records, "sku-1042-front", changed)
    report = service.reconcile()
    assert (report.woken, report.unreadable) == ((), 1)


def test_a_record_that_takes_no_more_keeps_no_other_job_from_being_woken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service()
    service.world.hautech.duration_s = 60.0
    for number, name in enumerate(("full", "sku-1")):  # the longer silence comes first
        service.send(body(requestId=name))
        while len(service.world.store.all_jobs()) == number:
            service.step()
        service.world.clock.advance(1)
    lose_messages(service)
    service.world.clock.advance(LONG_S)
    save = service.world.store.save

    def save_unless_full(job: Job, *, lease: Lease | None) -> Job:
        if job.request_id == "full":
            raise RecordTooLargeError
        return save(job, lease=lease)

    monkeypatch.setattr(service.world.store, "save", save_unless_full)
    report = service.reconcile()
    assert [one.request_id for one in report.woken] == ["sku-1"]
    assert (report.unwritable, report.is_complete) == (1, True)


def test_an_outage_of_hours_is_a_few_lines_in_the_record() -> None:
    service = running()
    failing(service.world.hautech, "look", itertools.repeat(CredentialsRefusedError("401: no")))
    until = service.world.clock.now() + timedelta(hours=12)
    while service.world.clock.now() < until:
        service.world.clock.advance(300)
        service.reconcile()
        service.step()
    told = [entry.because for entry in service.job.history[-6:]]
    assert told[0] == "poll: resting: 401: no"
    assert [because.split(":")[0] for because in told[1:]] == ["reconcile"] * 5


def test_a_poll_message_whose_record_is_gone_is_dropped() -> None:
    service = running()
    service.world.store.forget("sku-1042-front")
    service.run()
    assert service.outcomes[-1] == Done()
    assert len(service.world.polls) == 0


def test_two_poll_messages_with_one_ticket_end_as_one_job() -> None:
    """A send whose answer was lost is made twice: both poll until the end."""
    service = running()
    (poll,) = service.world.polls.bodies()
    service.world.polls.send(poll)
    service.run()
    assert_promises_kept(service, FULL_NAOMI)
    assert len(service.events) == 1
