"""One worker process: the real engine and the real decisions about messages, on tasks of its own.

When it is killed, all its tasks are gone at once and a new process takes its place, which knows
nothing. What it does between two outside calls takes no time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.clockwork import Process, SkewedClock
from tests.simulation.queues import VISIBILITY_S
from tests.simulation.wires import AnswerWire, ExtensionWire, Wire
from worker.adapters.messages import MAX_RECEIVED, QueueMessage
from worker.engine.intake import Intake
from worker.errors import WorkerError
from worker.jobs.pacing import backoff_s
from worker.runtime.answers import Answers
from worker.runtime.handling import FLUSH_S, Handling, StopBudget
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.receiver import MAX_BACKOFF_S
from worker.runtime.slots import Kind

if TYPE_CHECKING:
    from tests.simulation.service import SimService

STOP_WITHIN_S = 25.0
_LONG_POLL_S = 10.0


class SimWorker(Process):
    """A process on the service. `concurrency` messages are in hand at once at most."""

    def __init__(self, service: SimService, name: str, *, skew_s: float, concurrency: int) -> None:
        super().__init__(service.scheduler, name)
        self.service = service
        self._skew_s = skew_s
        self._concurrency = concurrency
        self._in_hand = 0
        self._polling: dict[Kind, bool] = dict.fromkeys(Kind, False)
        self._failures = dict.fromkeys(Kind, 0)
        self._is_stopping = False
        self._listens_until_s = math.inf
        self._beats = False
        self.clock = service.clock_of(SkewedClock(service.scheduler, skew_s))
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

    def start(self) -> None:
        """Begins to receive."""
        self.service.witness.tell(self.name, "starts", f"clock {self._skew_s:+.0f} s")
        self._receive_more()

    @property
    def listens(self) -> bool:
        """Whether a long poll of this process may still be under way."""
        return not self.is_dead and self._now_s() <= self._listens_until_s

    def heard_from_aws(self) -> None:
        """An answer of AWS arrived, with the time in it."""
        self.service.tell_time(self.clock)

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
        if self.is_dead or self._is_stopping:
            return
        self._is_stopping = True
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

    def redrive(self) -> None:
        """`dead-letters redrive --all`, beside the messages in hand."""
        letters = self.service.dead_letters.receive(max_messages=10, visibility_s=VISIBILITY_S)
        for letter in letters:
            self.spawn(partial(self._redrive, letter))

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

    def _receive_more(self) -> None:
        """A long poll for each queue, as far as there is room; the last slot is kept for polls."""
        for kind in Kind:
            room = self._concurrency - self._in_hand - (kind is Kind.REQUESTS)
            if room <= 0 or self._polling[kind] or self._is_stopping:
                continue
            self._polling[kind] = True
            intake = self._engine.intake() if kind is Kind.REQUESTS else Intake()
            if intake.for_s > 0:
                again = partial(self._taker(kind), [])
                self.scheduler.after(max(1.0, intake.for_s), again)
            else:
                most = min(room, MAX_RECEIVED, intake.most)
                self.service.queues[kind].wait_for_messages(most, self, self._taker(kind))

    def _taker(self, kind: Kind) -> Callable[[list[QueueMessage] | Exception], None]:
        def take(received: list[QueueMessage] | Exception) -> None:
            self.alive(lambda: self._take(kind, received))()

        return take

    def _take(self, kind: Kind, received: list[QueueMessage] | Exception) -> None:
        self._polling[kind] = False
        if isinstance(received, Exception):
            self._failures[kind] += 1
            wait_s = backoff_s(self._failures[kind], random=self._random, cap_s=MAX_BACKOFF_S)
            self.service.witness.tell(self.name, f"{kind}.receive", type(received).__name__)
            self.scheduler.after(wait_s, self.alive(self._receive_more))
            return
        self._failures[kind] = 0
        self.heard_from_aws()
        received_at_s = self._handling.hold(kind, received)
        for message in received:
            self._in_hand += 1
            self.service.witness.tell(
                self.name, f"{kind}.receive", f"{message.message_id} #{message.receive_count}"
            )
            self.spawn(self._work(kind, message, received_at_s))
        self._begin_beating()
        self._receive_more()

    def _work(self, kind: Kind, message: QueueMessage, received_at_s: float) -> Callable[[], None]:
        def work() -> None:
            try:
                self._handling.handle(kind, message, received_at_s)
            finally:
                self._in_hand -= 1
            self._receive_more()

        return work

    # -- heartbeat ---------------------------------------------------------------------------

    def _begin_beating(self) -> None:
        if not self._beats and self._heartbeat.held():
            self._beats = True
            self.scheduler.after(self._heartbeat.until_due_s(), self.alive(self._beat))

    def _beat(self) -> None:
        self._heartbeat.beat()
        self._beats = False
        self._begin_beating()
