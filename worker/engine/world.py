"""All that the engine may touch, in frozen values; and a job that this worker holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from worker.engine.durations import Durations
from worker.engine.observing import NoObserver
from worker.engine.rules import EngineRules
from worker.engine.spool import SpoolRoom
from worker.errors import InterruptedWorkError, StaleJobError
from worker.jobs.job import Job, Lease

if TYPE_CHECKING:  # who puts records right needs few of them
    from worker.engine.drop_rules import DropRules
    from worker.ports.assets import AssetCache
    from worker.ports.batches import BatchStore
    from worker.ports.clock import Clock, WorkBudget
    from worker.ports.generation import ImageGeneration
    from worker.ports.jobs import JobStore
    from worker.ports.objects import ObjectStore
    from worker.ports.observer import Observer
    from worker.ports.photos import PhotoLab
    from worker.ports.queues import WorkQueue
    from worker.ports.topic import ResultTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWorld:
    """What it takes to change a record and to send its message: no pictures, no Hautech."""

    store: JobStore
    batches: BatchStore
    queue: WorkQueue
    clock: Clock
    rules: EngineRules
    random: random.Random
    new_token: Callable[[], str]
    """Draws a string that no other worker draws: the owner of a lease."""

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        return self.clock.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class World(RecordWorld):
    """The engine's ports, its rules, and its sources of randomness."""

    objects: ObjectStore
    lab: PhotoLab
    assets: AssetCache
    topic: ResultTopic
    hautech: ImageGeneration
    observer: Observer = field(default_factory=NoObserver)
    durations: Durations = field(default_factory=Durations)
    spools: SpoolRoom
    drops: DropRules


class HeldJob:
    """A job under this worker's lease: `job` is the latest value, saved or not.

    Every save is guarded by version and owner, so what happens after the lease is lost raises
    StaleJobError instead of overwriting another worker's record.
    """

    def __init__(self, world: RecordWorld, job: Job, budget: WorkBudget) -> None:
        self._world = world
        self._budget = budget
        self._owner = job.lease.owner if job.lease else ""
        self.job = job

    @classmethod
    def new_lease(cls, world: RecordWorld) -> Lease:
        """A lease for a new term of this worker."""
        until = world.now() + timedelta(seconds=world.rules.lease_s)
        return Lease(owner=world.new_token(), until=until)

    @classmethod
    def take(cls, world: RecordWorld, job: Job, budget: WorkBudget) -> HeldJob:
        """Hold a job that was read. Raises LeaseHeldError or StaleJobError."""
        at = world.now()
        return cls(world, world.store.take_lease(job, cls.new_lease(world), at=at), budget)

    @property
    def is_held(self) -> bool:
        """Whether the last save left the lease with us."""
        return self.job.lease is not None

    def save(self, *, lease_s: float | None = None) -> None:
        """Make `job` durable and hold it for `lease_s` more seconds (the rules' default)."""
        for_s = self._world.rules.lease_s if lease_s is None else lease_s
        until = self._world.now() + timedelta(seconds=for_s)
        self.job = self._world.store.save(self.job, lease=Lease(owner=self._owner, until=until))

    def release(self) -> None:
        """Make `job` durable and let others have it."""
        self.job = self._world.store.save(self.job, lease=None)

    def renew_if_short(self) -> None:
        """Save with a new term when less than half of one is left.

        To be called before every write that others see, once time may have passed: whoever was
        frozen or slow finds out here that the job belongs to another worker (StaleJobError).
        """
        lease = self.job.lease
        half = timedelta(seconds=self._world.rules.lease_s / 2)
        if lease is None or lease.until - self._world.now() < half:
            self.save()
            # The save itself may have been what it was frozen in.
            self.check_lease(0)

    def check_lease(self, for_s: float) -> None:
        """Raise StaleJobError unless the lease lasts `for_s` more seconds.

        A process that was frozen since its last save must not act as if no time had passed.
        """
        lease = self.job.lease
        if lease is None or lease.until - self._world.now() < timedelta(seconds=for_s):
            raise StaleJobError(
                f"job {self.job.request_id}: the lease ends before the call could: "
                "this worker was held up, and another one may go on"
            )

    def need(self, seconds: float, what: str) -> None:
        """Raise InterruptedWorkError unless the process has that long left for `what`."""
        left_s = self._budget.remaining_s()
        if left_s < seconds:
            raise InterruptedWorkError(f"{what} needs {seconds:.0f} s and {left_s:.0f} s are left")
