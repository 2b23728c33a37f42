"""A Hautech that takes only so many requests a second: how much our retries add to them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS, body
from worker.adapters.memory import MemoryWorld
from worker.adapters.memory.pictures import draw_png
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.contracts.s3_uri import S3Uri
from worker.engine.engine import Engine
from worker.engine.pace import REQUESTS
from worker.engine.rules import EngineRules
from worker.errors import ThrottledError
from worker.jobs.job import JobState
from worker.ports.queues import ReceivedMessage
from worker.runtime.queue_verbs import Delete, verb_for

JOBS = 100
TICK_S = 0.02
"""Virtual time that one delivery takes."""

METHODS = {
    "upload": "upload",
    "run": "run",
    "look": "look",
    "read_pipeline": "read",
    "download": "download",
}


class Throttling:
    """Lets through what a token bucket allows, and counts."""

    def __init__(self, world: MemoryWorld, *, per_s: float, advice_s: float | None) -> None:
        self._world = world
        self._per_s = per_s
        self._advice_s = advice_s
        self._tokens = per_s
        self._filled_at = world.clock.now()
        self.made: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.requests_made = self.requests_served = 0
        for method, call in METHODS.items():
            setattr(world.hautech, method, self._limited(getattr(world.hautech, method), call))

    @property
    def amplification(self) -> float:
        """Calls made for each that succeeded."""
        made = sum(self.made.values())
        return made / (made - sum(self.refused.values()))

    def _limited(self, works: Callable[..., Any], call: Any) -> Callable[..., Any]:
        def limited(*args: Any) -> Any:
            now = self._world.clock.now()
            gained = (now - self._filled_at).total_seconds() * self._per_s
            self._tokens = min(self._per_s, self._tokens + gained)
            self._filled_at = now
            self.made[call] += 1
            # The first request of a call is the one that is refused.
            if self._tokens < 1:
                self.refused[call] += 1
                self.requests_made += 1
                raise ThrottledError("429", retry_after_s=self._advice_s)
            self._tokens -= REQUESTS[call]
            self.requests_made += REQUESTS[call]
            self.requests_served += REQUESTS[call]
            return works(*args)

        return limited


@dataclass
class Fleet:
    """Several workers on one world; each receives as the container does."""

    world: MemoryWorld
    engines: list[Engine]
    turn: int = 0

    @classmethod
    def of(cls, workers: int, **rules: Any) -> Fleet:
        world = MemoryWorld()
        for key in ("poses/standing.png", "raw/jacket.png"):
            world.objects.add(S3Uri("catalog", key), draw_png(key))
        tokens = count(1)
        engines = [
            Engine(
                store=world.store,
                batches=world.batches,
                queue=world.queue,
                objects=world.objects,
                lab=PillowPhotoLab(memory_bytes=None),
                assets=world.assets,
                topic=world.topic,
                hautech=world.hautech,
                clock=world.clock,
                rules=EngineRules(
                    input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS, **rules
                ),
                random=random.Random(number),
                new_token=lambda: f"worker-{next(tokens)}",
            )
            for number in range(workers)
        ]
        return cls(world, engines)

    def run(self, *, deliveries_most: int = 60_000) -> float:
        """Until no message is left; returns how long that took in virtual seconds."""
        begun = self.world.clock.now()
        for _ in range(deliveries_most):
            times = [
                at
                for queue in (self.world.polls, self.world.requests)
                if (at := queue.next_visible_at()) is not None
            ]
            if not times:
                return (self.world.clock.now() - begun).total_seconds()
            self.world.clock.advance(TICK_S)
            if not self._deliver():
                soonest = min(times)
                if soonest > self.world.clock.now():
                    self.world.clock.advance_to(soonest)
        raise AssertionError("it does not end")

    def _deliver(self) -> bool:
        """One message to the worker whose turn it is, a poll if there is one."""
        self.turn += 1
        engine = self.engines[self.turn % len(self.engines)]
        for queue, handle in (
            (self.world.polls, engine.handle_poll),
            (self.world.requests, engine.handle_request),
        ):
            if queue is self.world.requests and engine.intake().for_s > 0:
                continue
            received = queue.receive(max_messages=1, visibility_s=60)
            if not received:
                continue
            (message,) = received
            outcome = handle(
                ReceivedMessage(body=message.body, receive_count=message.receive_count),
                self.world.budget,
            )
            verb = verb_for(outcome, held_s=0)
            if isinstance(verb, Delete):
                queue.delete(message.receipt_handle)
            else:
                queue.change_visibility(message.receipt_handle, verb.seconds)
            return True
        return False


@pytest.mark.parametrize("advice_s", [None, 2.0], ids=["without advice", "with Retry-After"])
@pytest.mark.parametrize("workers", [1, 4, 8])
def test_retries_add_at_most_a_fifth_to_the_calls_that_a_throttling_hautech_serves(
    workers: int, advice_s: float | None
) -> None:
    fleet = Fleet.of(workers)
    hautech = Throttling(fleet.world, per_s=5, advice_s=advice_s)
    for number in range(JOBS):
        fleet.world.requests.send(body(requestId=f"sku-{number}"))
    took_s = fleet.run()
    ideal_s = hautech.requests_served / 5
    print(  # noqa: T201 -- the measurement, shown with -s
        f"{workers} workers, advice {advice_s}: {sum(hautech.made.values())} calls, "
        f"{sum(hautech.refused.values())} refused, {hautech.amplification:.3f} calls made for one; "
        f"requests {hautech.requests_made / hautech.requests_served:.3f}; {took_s:.0f} s, "
        f"{ideal_s / took_s:.0%} of the rate; refused {dict(hautech.refused)}"
    )
    assert hautech.amplification <= 1.2
    jobs = fleet.world.store.all_jobs()
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * JOBS
    assert len(fleet.world.hautech.runs) == JOBS
    assert len(fleet.world.dead_letters) == 0
