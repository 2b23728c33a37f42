"""One run of the whole service: the world, its workers, the storm, and what came of it.

This is the one place that builds the engine and its ports for the simulation.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import structlog

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from tests.simulation.aws_time import AwsTime
from tests.simulation.batch_table import SimBatchStore
from tests.simulation.batch_workload import BatchPlan, Put
from tests.simulation.canaries import MARK
from tests.simulation.clockwork import Scheduler, SkewedClock
from tests.simulation.disturbances import REDRIVEN_BY, Disturbances
from tests.simulation.hautech import Manners, SimHautech
from tests.simulation.queues import SimQueue
from tests.simulation.storm import Storm
from tests.simulation.table import SimJobStore
from tests.simulation.witness import Event, PaidTwice, Witness
from tests.simulation.worker import SimWorker
from tests.simulation.workload import BROKEN, GARMENTS, POSES, Sent, draw_workload
from worker import telemetry
from worker.adapters.memory import (
    MemoryAssetCache,
    MemoryObjectStore,
    MemoryQueue,
    MemoryResultTopic,
    MemoryWorkQueue,
)
from worker.adapters.memory.pictures import draw_png
from worker.adapters.memory.topic import PublishedEvent
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.server_clock import ServerClock
from worker.contracts.batch_event import BATCH_COMPLETED
from worker.contracts.s3_uri import S3Uri
from worker.engine.engine import Engine
from worker.engine.rules import EngineRules
from worker.engine.world import RecordWorld
from worker.ports.clock import Clock
from worker.runtime.redriving import Redriving
from worker.runtime.slots import Kind

DRAINS_WITHIN_S = 8 * 3600.0
"""After the storm, beside the patience with what may be paid: the longest rest of a message is
18 min, a pipeline is given up after 30 min, and requests are delivered 90 times."""

RECONCILE_S = 300.0


class SimService:
    """Everything that there is in one run."""

    def __init__(
        self,
        seed: int,
        *,
        bodies: Sequence[str] | None = None,
        batches: Sequence[BatchPlan] = (),
    ) -> None:
        """The world of a seed; with `bodies`, a calm one in which just these messages are sent.

        `batches` are sent besides.
        """
        self.rng = rng = random.Random(seed)
        self.scheduler = scheduler = Scheduler(rng)
        self._is_calm = bodies is not None
        self.storm = Storm.calm(rng) if self._is_calm else Storm.draw(rng)
        aws_clock = SkewedClock(scheduler)
        self.aws_time = AwsTime.exact(rng) if self._is_calm else AwsTime.draw(rng)
        lag_s = rng.choice((0.0, 0.0, 2.0, 60.0, 1200.0))
        stale_s = min(lag_s, 2.0)
        self.store = SimJobStore(scheduler, lag_s=lag_s, stale_s=stale_s)
        self.batches = SimBatchStore(scheduler, lag_s=lag_s, stale_s=stale_s)
        self.dead_letters = MemoryQueue(aws_clock)
        self.queues = {
            Kind.REQUESTS: self._queue("requests", aws_clock, max_receives=100),
            Kind.POLLS: self._queue("polls", aws_clock, max_receives=1000),
        }
        self.work_queue = MemoryWorkQueue(
            requests=self.queues[Kind.REQUESTS],
            polls=self.queues[Kind.POLLS],
            dead_letters=self.dead_letters,
        )
        self.objects = MemoryObjectStore([*INPUT_BUCKETS, *OUTPUT_BUCKETS])
        self.topic = MemoryResultTopic()
        self.assets = MemoryAssetCache()
        self.hautech = SimHautech(
            scheduler, rng, Manners.good() if self._is_calm else Manners.draw(rng)
        )
        self.witness = Witness(scheduler, self.store, self.batches, self.objects, self.hautech)
        self.rules = EngineRules(
            input_buckets=INPUT_BUCKETS,
            output_buckets=OUTPUT_BUCKETS,
            hautech_requests_per_s=rng.choice((None, None, 0.5, 5.0)),
            in_flight_most=rng.choice((None, None, 1, 2)),
            batch_open_rows=rng.choice((2, 4, 1_000)),
            reuses=rng.random() < 0.8,
            shares_poses=rng.random() < 0.2,
            max_attempts=rng.choice((3, 10)),
            paid_patience_s=rng.choice((1_800.0, 7_200.0, 86_400.0)),
        )
        for key in (*GARMENTS, *POSES):
            self.objects.add(S3Uri("catalog", key), draw_png(key))
        self.objects.add(S3Uri("catalog", BROKEN), b"%PDF-1.7 not a picture")
        self.sent: list[Sent] = draw_workload(
            rng,
            pose_id=self.hautech.add_pose(),
            image_id=self.hautech.add_image(draw_png("a garment that was prepared before")),
        )
        if bodies is not None:
            self.sent = [Sent(0.0, body) for body in bodies]
        self.plans = tuple(batches)
        self.sent += [one for plan in self.plans for one in plan.requests]
        self.leaks: list[str] = []
        self._tokens = 0
        self._workers_made = 0
        self._workers: list[SimWorker] = []

    def build_engine(
        self, worker: SimWorker, wire: Callable[[str, Any], Any], rng: random.Random
    ) -> Engine:
        """The engine of one worker, its ports wired to this world."""
        return Engine(
            store=wire("store", self.store),
            batches=wire("batches", self.batches),
            queue=wire("queue", self.work_queue),
            objects=wire("objects", self.objects),
            lab=PillowPhotoLab(memory_bytes=None),
            assets=wire("assets", self.assets),
            topic=wire("topic", self.topic),
            hautech=wire("hautech", self.hautech),
            clock=worker.clock,
            rules=self.rules,
            random=rng,
            new_token=self._new_token,
        )

    def build_redriving(
        self, worker: SimWorker, wire: Callable[[str, Any], Any], rng: random.Random
    ) -> Redriving:
        """What a person does with dead letters, from a process that works, too."""
        return Redriving(
            self.build_record_world(worker, wire, rng),
            requests=wire("requests", self.queues[Kind.REQUESTS]),
            dead_letters=wire("dead_letters", self.dead_letters),
        )

    def build_record_world(
        self, worker: SimWorker, wire: Callable[[str, Any], Any], rng: random.Random
    ) -> RecordWorld:
        """What such a process can do to a record."""
        return RecordWorld(
            store=wire("store", self.store),
            batches=wire("batches", self.batches),
            queue=wire("queue", self.work_queue),
            clock=worker.clock,
            rules=self.rules,
            random=rng,
            new_token=self._new_token,
        )

    def damage(self, uri: S3Uri) -> None:
        """What was stored there turns into other bytes of the same size."""
        stored = self.objects.stored(uri)
        if stored is not None:
            damaged = stored.data[:-1] + bytes([stored.data[-1] ^ 1])
            self.objects.add(uri, damaged, content_type=stored.content_type)

    def clock_of(self, local: SkewedClock) -> ServerClock:
        """The clock that a worker with this local clock goes by."""
        return ServerClock(local)

    def run(self) -> bool:
        """Everything, from the first message to the last answer. False: it did not drain in time."""
        for one in self.sent:
            self.scheduler.at(one.at_s, partial(self._send, one.body))
        for plan in self.plans:
            self._schedule(plan)
        for _ in range(self.rng.choice((1, 2, 2, 3, 4))):
            self._start_worker()
        if not self._is_calm:
            Disturbances(self, self._workers).plan()
        self.scheduler.after(RECONCILE_S, self._reconcile)
        latest_s = self.storm.over_s + self.rules.paid_patience_s + DRAINS_WITHIN_S
        is_drained = self.scheduler.run(until_s=latest_s)
        for worker in self._workers:
            worker.kill()
        return is_drained

    def replace(self, worker: SimWorker) -> None:
        """A new process for one that ended."""
        self._workers.remove(worker)
        self.scheduler.after(self.rng.uniform(0.1, 8.0), self._start_worker)

    def _queue(self, name: str, clock: Clock, *, max_receives: int) -> SimQueue:
        return SimQueue(
            name,
            clock,
            self.scheduler,
            self.storm,
            dead_letters=self.dead_letters,
            max_receives=max_receives,
        )

    @property
    def job_events(self) -> list[PublishedEvent]:
        """What was published about requests, repetitions included."""
        return [one for one in self.topic.events if one.attributes.get("type") != BATCH_COMPLETED]

    def request_bodies(self) -> list[str]:
        """Every different request that was sent, by producers and for rows of batches."""
        return [*dict.fromkeys(one.body for one in self.sent), *self.witness.batches.row_bodies]

    def _schedule(self, plan: BatchPlan) -> None:
        for put in plan.manifests:
            self.scheduler.at(put.at_s, partial(self._put, put))
        for one in plan.sent:
            self.scheduler.at(one.at_s, partial(self._send, one.body))
        for at_s in plan.cancels_at_s:
            self.scheduler.at(at_s, partial(self._cancel, plan.batch_id))

    def _put(self, manifest: Put) -> None:
        self.witness.tell("producer", "puts", str(manifest.uri))
        self.objects.add(manifest.uri, manifest.data, content_type="text/plain")

    def _cancel(self, batch_id: str) -> None:
        self.witness.tell("producer", "cancels", batch_id)
        self.batches.cancel(batch_id, at=self.scheduler.true_now())

    def _send(self, body: str) -> None:
        self.witness.tell("producer", "sends", body[:60])
        self.queues[Kind.REQUESTS].send(body)

    def _start_worker(self) -> None:
        self._workers_made += 1
        worker = SimWorker(
            self,
            f"worker-{self._workers_made}",
            skew_s=self.rng.choice((0.0, self.rng.uniform(-300.0, 300.0))),
            concurrency=self.rng.choice((2, 3, 6)),
        )
        self._workers.append(worker)
        worker.start()

    def _reconcile(self) -> None:
        """One of the workers looks for jobs that nothing wakes, every few minutes."""
        if self.scheduler.now_s > REDRIVEN_BY * self.storm.over_s and not self._has_work():
            return
        self.scheduler.after(RECONCILE_S, self._reconcile)
        if self._workers:
            self.rng.choice(self._workers).reconcile()

    def _has_work(self) -> bool:
        is_open = any(not job.state.is_final for job in self.store.all_jobs())
        is_open = is_open or any(not one.state.is_final for one in self.batches.all_batches())
        return is_open or any(len(queue) for queue in self.queues.values())

    def _new_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"


@dataclass(frozen=True, slots=True)
class Run:
    """What one seed came to."""

    seed: int
    violations: tuple[str, ...]
    paid_twice: tuple[PaidTwice, ...]
    story: tuple[Event, ...]
    faults: Counter[str]
    kills: int
    jobs: int
    batches: int
    messages: int
    lasted_s: float

    @property
    def digest(self) -> str:
        """The same for the same story, and for no other."""
        return sha256("\n".join(map(repr, self.story)).encode()).hexdigest()


@contextmanager
def watched_logs(leaks: list[str]) -> Iterator[None]:
    """All log lines are looked at for secrets, after the redaction that they go through in life."""

    def watch(logger: Any, name: str, event: MutableMapping[str, Any]) -> Any:
        if MARK in repr(event) and MARK in repr(telemetry.redact(event)):
            leaks.append(str(event.get("event")))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            watch,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
    )
    try:
        yield
    finally:
        structlog.configure(**before)
