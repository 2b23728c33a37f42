"""What people and machines do to the service whatever it is doing: deploys, kills, set clocks, redrives.

Faults of single calls are in `storm`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.storm import CLOCKS_OFF_S

if TYPE_CHECKING:
    from tests.simulation.service import SimService
    from tests.simulation.worker import SimWorker

REDRIVEN_BY = 1.2
"""People redrive until a little after the storm, in shares of its length."""


class Disturbances:
    """Strikes workers of the service, at moments drawn from its seed."""

    def __init__(self, service: SimService, workers: list[SimWorker]) -> None:
        self._service = service
        self._workers = workers
        self._rng: random.Random = service.rng

    def plan(self) -> None:
        """Everything that will happen in this run beside the faults of calls."""
        rng, scheduler = self._rng, self._service.scheduler
        over_s = self._service.storm.over_s
        kinds = (self._deploy, self._crash_one, self._freeze_one)
        for _ in range(rng.choice((0, 0, 1, 3))):
            scheduler.at(rng.uniform(0.0, min(over_s, 200.0)), rng.choice(kinds))
        for _ in range(rng.choice((0, 0, 1, 4))):
            scheduler.at(rng.uniform(0.0, min(over_s, 300.0)), self._set_a_clock)
        for _ in range(rng.choice((0, 0, 1, 2, 4))):
            scheduler.at(rng.uniform(20.0, REDRIVEN_BY * over_s), self._redrive)

    def _deploy(self) -> None:
        for worker in self._workers:
            worker.stop()

    def _crash_one(self) -> None:
        if self._workers:
            self._rng.choice(self._workers).crash()

    def _freeze_one(self) -> None:
        if self._workers:
            worker = self._rng.choice(self._workers)
            self._service.witness.tell(worker.name, "frozen")
            worker.freeze(self._rng.choice((20.0, 65.0, 300.0)))

    def _set_a_clock(self) -> None:
        """By NTP, to the true time; or by somebody who is wrong about it."""
        if self._workers:
            skew_s = self._rng.choice((0.0, self._rng.choice(CLOCKS_OFF_S)))
            self._rng.choice(self._workers).set_clock(skew_s)

    def _redrive(self) -> None:
        """Somebody says "again" to what failed, or to one job; perhaps twice, perhaps two people."""
        rng = self._rng
        if not self._workers:
            return
        jobs = self._service.store.all_jobs()
        chosen = rng.choice(jobs).request_id if jobs and rng.random() < 0.3 else None
        for _ in range(rng.choice((1, 1, 2))):
            worker = rng.choice(self._workers)
            again = partial(worker.redrive_job, chosen) if chosen else self._redrive_letters(worker)
            self._service.scheduler.after(rng.choice((0.0, 0.1, 2.0, 30.0)), worker.alive(again))

    def _redrive_letters(self, worker: SimWorker) -> Callable[[], None]:
        rng = self._rng
        return partial(
            worker.redrive, most=rng.choice((1, 3, 10)), visibility_s=rng.choice((0.5, 30.0))
        )
