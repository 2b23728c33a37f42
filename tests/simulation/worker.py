"""One worker process: the real engine and the real decisions about messages, on tasks of its own.

When it is killed, all its tasks are gone at once and a new process takes its place, which knows
nothing. What it does between two outside calls takes no time.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from tests.simulation.clockwork import Process, SkewedClock, Ticket
from tests.simulation.receiving import ReceiveWire, TaskSlots
from tests.simulation.wires import AnswerWire, ExtensionWire, Wire
from worker.adapters.messages import QueueMessage
from worker.contracts.poll import parse_poll
from worker.engine.intake import Intake
from worker.engine.redrive import redrive
from worker.errors import PollMessageError, WorkerError
from worker.runtime.answers import Answers
from worker.runtime.handling import FLUSH_S, Handling, StopBudget
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.queues import MessageQueue
from worker.runtime.receiver import Receiver
from worker.runtime.slots import Kind

if TYPE_CHECKING:
    from tests.simulation.queues import SimQueue
    from tests.simulation.service import SimService

STOP_WITHIN_S = 25.0
_LONG_POLL_S = 10
VISIBILITY_S = 60


class SimWorker(Process):
    """A process on the service. `concurrency` messages are in hand at once at most."""

    def __init__(self, service: SimService, name: str, *, skew_s: float, concurrency: int) -> None:
        super().__init__(service.scheduler, name)
        self.service = service
        self._skew_s = skew_s
        self._stopping = threading.Event()
        self._listens_until_s = math.inf
        self._beats = False
        self._local_clock = SkewedClock(service.scheduler, skew_s)
        self.clock = service.clock_of(self._local_clock)
        self._random = random.Random(service.rng.random())
        self._engine = service.build_engine(self, self._wire, self._random)
        queues: Any = {
            kind: AnswerWire(self, kind, queue) for kind, queue in service.queues.items()
        }
        extensions: Any = {
            kind: ExtensionWire(self, queue) for kind, queue in service.queues.items()
        }
        self._heartbeat = Heartbeat(extensions, visibility_s=VISIBILITY_S, monotonic=self._now_s)
        self._handling = Handling(
            engine=self._engine,
            heartbeat=self._heartbeat,
            answers=Answers(queues),
            monotonic=self._now_s,
        )
        self._slots = TaskSlots(self, concurrency)

    def start(self) -> None:
        """Begins to receive."""
        self.service.witness.tell(self.name, "starts", f"clock {self._skew_s:+.0f} s")
        for kind, queue in self.service.queues.items():
            self.spawn(partial(self._receive, self._receiver(kind, queue), queue))

    @property
    def listens(self) -> bool:
        """Whether a long poll of this process may still be under way."""
        return not self.is_dead and self._now_s() <= self._listens_until_s

    def set_clock(self, skew_s: float) -> None:
        """Somebody sets the clock of this machine."""
        self.service.witness.tell(self.name, "clock set", f"{skew_s:+.0f} s off")
        self.service.witness.clocks_set += 1
        self._local_clock.set(skew_s)

    def heard_from_aws(
        self, host: str, asked_at: datetime, answered_at: datetime | None = None
    ) -> None:
        """An answer arrived, with the time in it: asked by our own clock, answered by the true one."""
        at = answered_at or self.scheduler.true_now()
        self.clock.heard(self.service.aws_time.date(host, at), asked_at=asked_at)

    def crash(self) -> None:
        """SIGKILL; another process takes its place a little later."""
        if self.is_dead:
            return
        self.service.witness.kills += 1
        self.service.witness.tell(self.name, "killed")
        self.kill()
        self.service.replace(self)

    def die_here(self, call: str, how: str) -> None:
        """SIGKILL in the middle of a call that one of our tasks makes."""
        self.service.witness.tell(self.name, call, how)
        self.die(self.crash)

    def stop(self) -> None:
        """SIGTERM: receives nothing more, ends what is in hand, gives back the rest, exits."""
        if self.is_dead or self._stopping.is_set():
            return
        self._stopping.set()
        self._slots.close()
        self._listens_until_s = self._now_s() + _LONG_POLL_S
        self.service.witness.tell(self.name, "stopping")
        stop_at_s = self._now_s() + STOP_WITHIN_S
        self._handling.begin_stop(stop_at_s)
        self.scheduler.at(stop_at_s - FLUSH_S, self.alive(self._handling.give_back))
        self.scheduler.at(stop_at_s, self.alive(self._exit))

    def reconcile(self) -> None:
        """One run of the search for silent jobs, beside the messages in hand."""
        self.spawn(self._reconcile)

    def _reconcile(self) -> None:
        try:
            report = self._engine.reconcile(StopBudget(self._now_s))
        except WorkerError as error:
            self.service.witness.tell(self.name, "reconcile", type(error).__name__)
        else:
            woken = [job.request_id for job in report.woken]
            self.service.witness.tell(self.name, "reconcile", f"woken: {woken}")

    def redrive(self, *, most: int, visibility_s: float) -> None:
        """`dead-letters redrive`, beside the messages in hand: so many, hidden for so long."""
        self.spawn(lambda: self._redrive_some(most, visibility_s))

    def redrive_job(self, request_id: str) -> None:
        """The same for one job, whatever became of its dead letter."""
        self.spawn(lambda: self._redrive_one(request_id))

    def _redrive_some(self, most: int, visibility_s: float) -> None:
        dead_letters = self._wire("dead_letters", self.service.dead_letters)
        try:
            letters = dead_letters.receive(max_messages=most, visibility_s=visibility_s)
        except WorkerError as error:
            self.service.witness.tell(self.name, "redrive", type(error).__name__)
            return
        for letter in letters:
            self.spawn(partial(self._redrive, letter))

    def _redrive_one(self, request_id: str) -> None:
        world = self.service.build_record_world(self, self._wire, self._random)
        try:
            job = world.store.load(request_id)
            said = redrive(world, job, StopBudget(self._now_s)).because if job else "no such job"
        except WorkerError as error:
            said = type(error).__name__
        self.service.witness.tell(self.name, "redrive", f"{request_id}: {said}")

    def _redrive(self, letter: QueueMessage) -> None:
        redriving = self.service.build_redriving(self, self._wire, self._random)
        try:
            said = redriving.redrive(letter, StopBudget(self._now_s)).because
        except WorkerError as error:
            said = type(error).__name__
        self.service.witness.tell(self.name, "redrive", said)

    def _exit(self) -> None:
        self.service.witness.tell(self.name, "exits")
        self.kill()
        self.service.replace(self)

    def _now_s(self) -> float:
        return self.scheduler.now_s

    def _wire(self, name: str, port: Any) -> Any:
        return Wire(self, name, port)

    # -- receiving ---------------------------------------------------------------------------

    def _receiver(self, kind: Kind, queue: SimQueue) -> Receiver:
        # As the container builds it.
        return Receiver(
            kind,
            cast("MessageQueue", ReceiveWire(self, kind, queue)),
            slots=self._slots,
            deliver=self._deliver,
            stopping=self._stopping,
            wait_s=_LONG_POLL_S,
            visibility_s=VISIBILITY_S,
            intake=self._engine.intake if kind is Kind.REQUESTS else Intake,
            monotonic=self._now_s,
            jitter=self._random,
        )

    def _receive(self, receiver: Receiver, queue: SimQueue) -> None:
        """What the thread of a receiver does; a pause lasts until there is something to receive."""
        task = self.scheduler.task
        assert task is not None
        while not self._stopping.is_set():
            pause_s = receiver.receive_once()
            if pause_s > 0:
                task.sleep(pause_s)
                queue.call_when_visible(self.alive(task.wake_once()))
                self.scheduler.park()

    def _deliver(self, kind: Kind, messages: Sequence[QueueMessage]) -> None:
        received_at_s = self._handling.hold(kind, messages)
        for message in messages:
            self.spawn(partial(self._work, kind, message, received_at_s))
        self._begin_beating()

    def _work(self, kind: Kind, message: QueueMessage, received_at_s: float) -> None:
        if kind is Kind.POLLS and self.scheduler.task is not None:
            self.scheduler.task.ticket = _ticket_of(message, self._now_s())
        try:
            self._handling.handle(kind, message, received_at_s)
        finally:
            self._slots.give(kind)

    # -- heartbeat ---------------------------------------------------------------------------

    def _begin_beating(self) -> None:
        if not self._beats and self._heartbeat.held():
            self._beats = True
            self.scheduler.after(self._heartbeat.until_due_s(), self.alive(self._beat))

    def _beat(self) -> None:
        self._heartbeat.beat()
        self._beats = False
        self._begin_beating()


def _ticket_of(message: QueueMessage, received_at_s: float) -> Ticket | None:
    try:
        poll = parse_poll(message.body)
    except PollMessageError:
        return None
    return Ticket(poll.request_id, poll.ticket, received_at_s)
