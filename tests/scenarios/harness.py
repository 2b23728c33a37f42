"""The whole service in memory: the real engine, queues with SQS's manners, a clock to turn.

A worker is an engine; when it is killed, a new one takes its place and knows nothing. Messages come
back when their visibility ends. Nothing sleeps: when no message is visible, the clock moves to the
moment when the next one is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
from datetime import timedelta
from typing import Any, Self

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from tests.scenarios.crash import Camera, Killed, Killer, Watch, Watched, When, freeze, thaw
from worker.adapters.memory import MemoryQueue, MemoryWorld
from worker.adapters.memory.pictures import draw_png
from worker.adapters.period_tally import PeriodTally
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.tally import Tally
from worker.contracts.batch_event import BATCH_COMPLETED, BatchEvent
from worker.contracts.result import ResultEvent
from worker.contracts.s3_uri import S3Uri
from worker.engine.engine import Engine
from worker.engine.intake import Intake
from worker.engine.observing import Observers
from worker.engine.reconcile import ReconcileReport
from worker.engine.redrive import Judgement
from worker.engine.rules import EngineRules
from worker.engine.world import RecordWorld
from worker.jobs.job import Job, JobState, Lease
from worker.jobs.outcomes import Outcome
from worker.ports.queues import ReceivedMessage
from worker.runtime.handling import as_received
from worker.runtime.queue_verbs import Delete, verb_for
from worker.runtime.redriving import Redriving

VISIBILITY_S = 60
_RECEIVE_AGAIN_S = 5
_STEPS_MAX = 2_000
"""A run that needs more does not end."""


class PromiseBroken(BaseException):
    """Seen at the moment when it happened; no Exception, so that the engine cannot retry it."""


class _WitnessedTopic:
    """The topic, with a look at S3 before each event: what it announces has to be there already."""

    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    def publish(
        self, event_json: str, attributes: dict[str, str], *, trace: str | None = None
    ) -> None:
        """See `ResultTopic.publish`. Raises PromiseBroken."""
        if attributes["type"] == BATCH_COMPLETED:
            results = BatchEvent.loads(event_json).data.results
            if results and self._world.objects.stored(S3Uri.parse(results)) is None:
                raise PromiseBroken(f"announced before it is in S3: {results}")
            self._world.topic.publish(event_json, attributes, trace=trace)
            return
        for output in ResultEvent.loads(event_json).data.outputs:
            stored = self._world.objects.stored(S3Uri.parse(output.uri))
            if stored is None or hashlib.sha256(stored.data).hexdigest() != output.sha256:
                raise PromiseBroken(f"announced before it is in S3, whole: {output.uri}")
        self._world.topic.publish(event_json, attributes, trace=trace)


class Service:
    """One worker at a time on a world in memory; `killer` sees every outside call."""

    def __init__(
        self, killer: Killer | None = None, *, world: MemoryWorld | None = None, **rules: Any
    ) -> None:
        self.world = world or MemoryWorld()
        self.killer = killer or Killer()
        self._watch: Watch = self.killer
        self.deaths: list[str] = []
        self.outcomes: list[Outcome] = []
        self.tally = Tally()
        self.period = PeriodTally()
        self.driver_log: list[str] = []
        """Errors of the driver's own calls: receive, delete, change visibility."""
        self._rules = EngineRules(
            input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS, **rules
        )
        self._terms = 0
        self._engine = self._boot()
        if world is None:
            for key in ("poses/standing.png", "raw/jacket.png"):
                self.world.objects.add(S3Uri("catalog", key), draw_png(key))

    def freeze(self) -> bytes:
        """All that a killed worker leaves behind."""
        return freeze((self.world, self._terms, self._rules))

    @classmethod
    def thaw(cls, ice: bytes) -> Self:
        """A new worker on what a killed one left behind."""
        world, terms, rules = thaw(ice)
        service = cls(world=world)
        service._terms, service._rules = terms, rules
        service._engine = service._boot()
        return service

    def watch(self, watch: Watch) -> None:
        """A new worker whose outside calls somebody else sees."""
        self._watch = watch
        self._engine = self._boot()

    def kill_at(self, number: int, when: When) -> None:
        """Arms the killer for that outside call, counted from the beginning."""
        self.killer.at, self.killer.when = number, when

    def run_until_killed(self) -> None:
        """Deliver messages until the worker dies; the next one is there, and has done nothing."""
        while not self.deaths:
            if not self.step():
                raise AssertionError("the point was never reached")

    def crash_states(self) -> dict[bytes, str]:
        """Runs to the end; every different world that a kill on the way would have left behind.

        The values say where: `before 3 store.save`.
        """
        camera = Camera(self.freeze)
        self.watch(camera)
        self.run()
        return camera.shots

    def change_rules(self, **rules: Any) -> None:
        """A deploy with other settings: a new worker takes the place of the old one."""
        self._rules = dataclasses.replace(self._rules, **rules)
        self._engine = self._boot()

    def new_environment(self) -> None:
        """As on Lambda: another process takes over, and begins as the workers left off."""
        self._engine = self._boot()
        self._engine.resume()

    def send(self, body: str) -> None:
        """A producer sends a request."""
        self.world.requests.send(body)

    def run(self) -> None:
        """Deliver messages, and let time pass between them, until no message is left."""
        for _ in range(_STEPS_MAX):
            if not self.step():
                return
        raise AssertionError(f"messages are left after {_STEPS_MAX} deliveries")

    def run_for(self, *, deliveries: int) -> None:
        """Deliver at most so many messages."""
        for _ in range(deliveries):
            if not self.step():
                return

    def limit_deliveries(self, *, requests: int, polls: int) -> None:
        """The queues put a message away sooner than `infra/resources.yml` says."""
        self.world.requests._max_receives = requests
        self.world.polls._max_receives = polls

    def step(self, *only: MemoryQueue) -> bool:
        """Deliver the next message, of these queues only, when it is visible. False: there is none."""
        queues = only or (self.world.polls, self.world.requests)
        times = [at for queue in queues if (at := queue.next_visible_at()) is not None]
        if not times:
            return False
        self.world.clock.advance_to(min(times))
        try:
            for queue in queues:
                if self._deliver(queue):
                    break
        except Killed as death:
            self.deaths.append(str(death))
            self._engine = self._boot()
        return True

    def reconcile(self) -> ReconcileReport:
        """One run of what looks for jobs that nothing wakes."""
        return self._engine.reconcile(self.world.budget)

    def redrive(self) -> list[Judgement]:
        """A person redrives every dead letter, like `dead-letters redrive --all`."""
        world, watch = self.world, self._watch
        redriving = Redriving(
            self.record_world,
            requests=Watched(world.requests, "requests", watch),
            dead_letters=Watched(world.dead_letters, "dead_letters", watch),
        )
        judgements = []
        self.world.clock.advance(VISIBILITY_S)
        while messages := world.dead_letters.receive(visibility_s=VISIBILITY_S):
            judgements += [redriving.redrive(one, world.budget) for one in messages]
        return judgements

    @property
    def record_world(self) -> RecordWorld:
        """What it takes to put a job right."""
        return RecordWorld(
            store=Watched(self.world.store, "store", self._watch),
            batches=Watched(self.world.batches, "batches", self._watch),
            queue=Watched(self.world.queue, "queue", self._watch),
            clock=self.world.clock,
            rules=self._rules,
            random=random.Random(7),
            new_token=self._new_token,
        )

    def hold(self, job: Job, *, for_s: float = 60) -> None:
        """Another worker takes the job's lease and keeps it for so long."""
        now = self.world.clock.now()
        lease = Lease(owner="another", until=now + timedelta(seconds=for_s))
        self.world.store.take_lease(job, lease, at=now)

    @property
    def intake(self) -> Intake:
        """What the worker would do about new requests now."""
        return self._engine.intake()

    def handle_request(self, body: str, *, receive_count: int = 1) -> Outcome:
        """What the worker answers to a request that comes now, outside of the queue."""
        message = ReceivedMessage(body=body, receive_count=receive_count)
        return self._engine.handle_request(message, self.world.budget)

    def handle_poll(self, body: str) -> Outcome:
        """What the worker answers to a poll message that comes now, outside of the queue."""
        return self._engine.handle_poll(ReceivedMessage(body=body), self.world.budget)

    @property
    def job(self) -> Job:
        """The only job."""
        (job,) = self.world.store.all_jobs()
        return job

    def job_is(self, state: JobState) -> bool:
        """Whether there is a job yet, in that state."""
        return any(job.state is state for job in self.world.store.all_jobs())

    @property
    def events(self) -> list[ResultEvent]:
        """What was published about jobs, repetitions included."""
        published = self.world.topic.events
        return [
            ResultEvent.loads(one.text)
            for one in published
            if one.attributes["type"] != BATCH_COMPLETED
        ]

    @property
    def event(self) -> ResultEvent:
        """The only event, however often it was published."""
        (event,) = {event.id: event for event in self.events}.values()
        return event

    def document(self, key: str) -> dict[str, Any]:
        """A result document in the output bucket."""
        stored = self.world.objects.stored(S3Uri("shop", key))
        assert stored is not None, f"no document at {key}"
        document: dict[str, Any] = json.loads(stored.data)
        return document

    def _boot(self) -> Engine:
        world, watch = self.world, self._watch
        return Engine(
            store=Watched(world.store, "store", watch),
            batches=Watched(world.batches, "batches", watch),
            queue=Watched(world.queue, "queue", watch),
            objects=Watched(world.objects, "objects", watch),
            lab=PillowPhotoLab(memory_bytes=None),
            assets=Watched(world.assets, "assets", watch),
            topic=Watched(_WitnessedTopic(world), "topic", watch),
            hautech=Watched(world.hautech, "hautech", watch),
            clock=world.clock,
            rules=self._rules,
            random=random.Random(7),
            new_token=self._new_token,
            board=Watched(world.board, "board", watch),
            duration_board=Watched(world.durations, "durations", watch),
            shelf=Watched(world.shelf, "shelf", watch),
            observer=Observers(self.tally, self.period),
        )

    def _new_token(self) -> str:
        self._terms += 1
        return f"worker-{self._terms}"

    def _deliver(self, queue: MemoryQueue) -> bool:
        name = "polls" if queue is self.world.polls else "requests"
        watch = self._watch.around
        try:
            received = watch(
                f"{name}.receive", lambda: queue.receive(max_messages=1, visibility_s=VISIBILITY_S)
            )
        except Exception as error:  # noqa: BLE001 -- as the real drivers: wait and ask again
            self.driver_log.append(repr(error))
            self.world.clock.advance(_RECEIVE_AGAIN_S)
            return True
        if not received:
            return False
        message = received[0]
        handle = self._engine.handle_poll if name == "polls" else self._engine.handle_request
        outcome = handle(
            as_received(message),
            self.world.budget,
        )
        self.outcomes.append(outcome)
        verb = verb_for(outcome, held_s=0)
        try:
            if isinstance(verb, Delete):
                watch(f"{name}.delete", lambda: queue.delete(message.receipt_handle))
            else:
                watch(
                    f"{name}.change_visibility",
                    lambda: queue.change_visibility(message.receipt_handle, verb.seconds),
                )
        except Exception as error:  # noqa: BLE001 -- as the real drivers: it comes back by itself
            self.driver_log.append(repr(error))
        return True
