"""Which messages of the polls queue are no job's."""

import random

from worker.adapters.memory import ManualClock, MemoryQueue, MemoryWorkQueue
from worker.contracts.follow import FollowMessage
from worker.engine.in_flight import COUNT_AGE_S, InFlight
from worker.engine.open_batches import SEEN_S, OpenBatches


def test_a_batch_counts_from_when_it_is_seen_until_it_ends() -> None:
    batches = OpenBatches(ManualClock())
    for batch_id in ("spring", "summer", "spring"):
        batches.saw(batch_id)
    assert batches.count() == 2
    batches.ended("spring")
    batches.ended("never-seen")
    assert batches.count() == 1


def test_a_batch_that_ended_elsewhere_is_forgotten() -> None:
    clock = ManualClock()
    batches = OpenBatches(clock)
    batches.saw("spring")
    clock.advance(SEEN_S - 1)
    batches.saw("summer")
    assert batches.count() == 2
    clock.advance(1)
    assert batches.count() == 1


def test_an_open_batch_takes_no_place_of_a_job() -> None:
    clock = ManualClock()
    queue = MemoryWorkQueue(
        requests=MemoryQueue(clock), polls=MemoryQueue(clock), dead_letters=MemoryQueue(clock)
    )
    queue.send_follow(FollowMessage(batch_id="spring", ticket=1), delay_s=0)
    in_flight = InFlight(queue, clock=clock, random=random.Random(1), most=1)
    assert in_flight.room() == 0
    in_flight.batches.saw("spring")
    in_flight.batches.saw("seen-by-its-request-before-it-is-followed")
    clock.advance(COUNT_AGE_S)
    assert in_flight.room() == 1
