"""Let every outside call of a batch fail, once and for ever, or take longer than its message is hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pytest

from tests.scenarios.batches import batch_body, batch_events, complaints, service_with
from tests.scenarios.crash import When
from tests.scenarios.faults import FAULTS, LASTING_FAULTS, Fault, Saboteur
from tests.scenarios.harness import VISIBILITY_S, Service
from worker.engine.batch_waking import wake_batches

GOOD, BAD = (1, 3), (2,)
OF_BATCHES = ("batches.", "queue.send_requests", "queue.send_follow", "store.load_many")
"""Calls that only batches make; those of jobs have tests of their own."""


def batch_service() -> Service:
    service = service_with()
    service.send(batch_body())
    return service


@lru_cache
def points() -> tuple[tuple[int, str], ...]:
    """Those calls of an undisturbed batch: the first two of each name, with their numbers."""
    service = batch_service()
    service.run()
    seen: Counter[str] = Counter()
    found = []
    for number, name in enumerate(service.killer.calls, start=1):
        seen[name] += 1
        if name.startswith(OF_BATCHES) and seen[name] <= 2:
            found.append((number, name))
    assert {name.partition(".")[0] for _, name in found} == {"batches", "queue", "store"}
    return tuple(found)


def each_point() -> list[Any]:
    return [pytest.param(number, id=f"{number}-{name}") for number, name in points()]


@pytest.mark.parametrize("number", each_point())
def test_a_call_of_a_batch_that_fails_once_delays_it_and_changes_nothing_else(number: int) -> None:
    broken = []
    for fault in FAULTS:
        service = batch_service()
        service.watch(Saboteur(number, fault))
        run_with_reconcile(service)
        broken += [f"{fault}: {one}" for one in complaints(service, good=GOOD, bad=BAD)]
    assert broken == []


@pytest.mark.parametrize("number", each_point())
def test_a_call_of_a_batch_that_fails_for_hours_ends_the_batch_once_it_works_again(
    number: int,
) -> None:
    """DynamoDB or SQS throttles, or is down: nothing is given up, lost, told twice or paid twice."""
    broken = []
    for fault in LASTING_FAULTS:
        service = batch_service()
        service.watch(Saboteur(number, fault))
        service.run_for(deliveries=40)
        if len(batch_events(service)) > 1 and len({one.id for one in batch_events(service)}) > 1:
            broken.append(f"{fault}: two ends")
        service.watch(Works())
        run_with_reconcile(service)
        broken += [f"{fault}: {one}" for one in complaints(service, good=GOOD, bad=BAD)]
    assert broken == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", each_point())
def test_a_slow_call_of_a_batch_lets_another_worker_carry_it_on(number: int, moment: When) -> None:
    """Its message appears again meanwhile: who was slow finds that the batch has moved on."""
    service = batch_service()
    slow = Slow(service, number, moment)
    service.watch(slow)
    run_with_reconcile(service)
    assert slow.was_met
    assert complaints(service, good=GOOD, bad=BAD) == []


def test_reconcile_that_is_throttled_at_one_batch_finds_it_the_next_time() -> None:
    service = batch_service()
    service.run_for(deliveries=1)
    service.world.polls.purge()
    service.world.clock.advance(901)
    world = service.record_world
    service.watch(Saboteur(2, Fault("throttled", "before")))
    with pytest.raises(Exception, match="slow down"):
        wake_batches(service.record_world, service.world.budget)
    assert wake_batches(world, service.world.budget) == 1
    run_with_reconcile(service)
    assert complaints(service, good=GOOD, bad=BAD) == []


def run_with_reconcile(service: Service) -> None:
    """To the end, with what every deployment has: somebody who looks for what is silent."""
    service.run()
    for _ in range(4):
        service.world.clock.advance(2_000)
        service.reconcile()
        service.run()


class Works:
    """Everything works."""

    def around(self, _name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call."""
        return call()


@dataclass
class Slow:
    """One call takes longer than a message is hidden, and another worker does its work meanwhile."""

    service: Service
    at: int
    moment: When
    calls: list[str] = field(default_factory=list)

    @property
    def was_met(self) -> bool:
        """Whether that call was made."""
        return len(self.calls) >= self.at

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call, or wait before it or after it."""
        self.calls.append(name)
        if len(self.calls) != self.at:
            return call()
        if self.moment == "before":
            self._others_work()
        answer = call()
        if self.moment == "after":
            self._others_work()
        return answer

    def _others_work(self) -> None:
        self.service.world.clock.advance(VISIBILITY_S + 1)
        other = Service(world=self.service.world)
        other._terms = 1_000  # its leases are its own
        other.run_for(deliveries=3)
