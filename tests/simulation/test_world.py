"""The parts of the simulated world that are made for the simulation: what they promise, they do."""

import random
from dataclasses import replace
from datetime import timedelta

from tests.builders import new_job
from tests.simulation.aws_time import AwsTime
from tests.simulation.clockwork import Process, Scheduler, SkewedClock
from tests.simulation.receiving import TaskSlots
from tests.simulation.table import SimJobStore
from worker.adapters.memory.clock import START
from worker.jobs.job import JobState
from worker.runtime.slots import Kind


def test_an_index_shows_what_was_true_a_while_ago_and_the_record_what_is():
    scheduler = Scheduler(random.Random(0))
    store = SimJobStore(scheduler, lag_s=60.0)
    store.create(replace(new_job(), state=JobState.ACCEPTED, updated_at=START))
    later = START + timedelta(days=1)
    assert list(store.unchanged_since(later, JobState.ACCEPTED)) == []

    scheduler.now_s = 60.0
    known = store.load(new_job().request_id)
    assert known is not None
    store.save(replace(known, state=JobState.RUNNING), lease=None)

    assert [one.state for one in store.unchanged_since(later, JobState.ACCEPTED)] == ["accepted"]
    assert list(store.unchanged_since(later, JobState.RUNNING)) == []


def test_hosts_of_aws_differ_by_less_than_a_second_unless_one_is_odd():
    at = START + timedelta(milliseconds=500)
    honest = AwsTime(random.Random(0), apart_s=0.4, odd_rate=0.0)
    odd = AwsTime(random.Random(0), apart_s=0.0, odd_rate=1.0)

    assert all(abs((honest.date(host, at) - at).total_seconds()) < 1.0 for host in "abcdefgh")
    assert abs((odd.date("a", at) - at).total_seconds()) > 40.0


def test_a_clock_that_is_set_is_wrong_from_then_on_but_never_goes_back():
    scheduler = Scheduler(random.Random(0))
    clock = SkewedClock(scheduler)
    scheduler.now_s = 100.0

    clock.set(30.0)
    assert clock.now() == START + timedelta(seconds=130)
    clock.set(-30.0)
    assert clock.now() == START + timedelta(seconds=130)


def test_a_task_that_ends_lets_the_scheduler_go_on_and_not_the_task_that_spawned_it():
    scheduler = Scheduler(random.Random(0))
    process = Process(scheduler, "worker")
    seen = []

    def parent() -> None:
        process.spawn(lambda: seen.append("child"))
        assert scheduler.task is not None
        scheduler.task.sleep(5.0)
        seen.append(f"parent at {scheduler.now_s:.0f} s")

    process.spawn(parent)
    scheduler.run(until_s=10.0)

    assert seen == ["child", "parent at 5 s"]


def test_a_task_waits_for_a_slot_until_one_is_given_back():
    scheduler = Scheduler(random.Random(0))
    process = Process(scheduler, "worker")
    slots = TaskSlots(process, 2)
    seen = []

    def take() -> None:
        taken = slots.take(Kind.REQUESTS, most=1)
        seen.append((taken, round(scheduler.now_s)))

    process.spawn(take)
    process.spawn(take)
    scheduler.after(30.0, lambda: slots.give(Kind.REQUESTS))
    scheduler.run(until_s=60.0)

    assert seen == [(1, 0), (1, 30)]
