"""The container loop: both queues by long poll, bounded concurrency, and a stop that loses nothing.

    receiver (requests) ─┐ slots ┌─► threads ─► engine ─► verb ─► answers (batched)
    receiver (polls)    ─┘       └── heartbeat keeps what they work on hidden

A stop, in order; all of it takes at most `stop_within_s`:

    signal ─► no more receives ─► running work ends (no new piece begins once the time is short)
           ─► what has not ended is made visible ─► all answers are sent ─► exit

A long poll that is under way is waited for, since a queue may hand messages to one that was cut
off; they would rest for their visibility timeout. What it brings is made visible at once. It lasts
a second while there is traffic and `wait_s` at most; a second signal ends the waiting.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from worker.adapters.messages import QueueMessage
from worker.engine.intake import Intake
from worker.runtime.answers import Answers
from worker.runtime.handling import FLUSH_S, Handlers, Handling
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.queues import MessageQueue
from worker.runtime.receiver import Receiver, ReceiverState
from worker.runtime.slots import Kind, Slots
from worker.runtime.threads import WorkerThreads

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerConfig:
    """How much at once and for how long; times in seconds."""

    concurrency: int = 32
    visibility_s: int = 60
    wait_s: int = 10
    """Of the longest long poll; SQS takes up to 20. An idle worker stops as much later."""
    stop_within_s: float = 25.0
    """From the signal to the exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What the health endpoints tell."""

    is_stopping: bool
    in_hand: int
    free_slots: int
    oldest_in_hand_s: float
    receivers: dict[Kind, ReceiverState]
    intake: Intake


class Container:
    """One worker process: start it, wait until it is told to stop, stop it.

    Args:
        engine: Handles the messages.
        queues: Where they come from.
        config: Limits.
        monotonic: Clock for all durations, seconds.
    """

    def __init__(
        self,
        *,
        engine: Handlers,
        queues: Mapping[Kind, MessageQueue],
        config: ContainerConfig | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config or ContainerConfig()
        self._monotonic = monotonic
        # Polls follow what is paid for: nothing ever holds them.
        self._intakes = {Kind.REQUESTS: engine.intake, Kind.POLLS: Intake}
        self._stopping = threading.Event()
        self._stop_at_s = math.inf
        self._changed = threading.Condition()
        self._receiving = 0
        self._is_hurried = False
        self._slots = Slots(self._config.concurrency, monotonic=monotonic)
        self._threads = WorkerThreads(self._config.concurrency, name="work")
        self._answers = Answers(queues)
        self._heartbeat = Heartbeat(
            queues, visibility_s=self._config.visibility_s, monotonic=monotonic
        )
        self._handling = Handling(
            engine=engine,
            heartbeat=self._heartbeat,
            answers=self._answers,
            monotonic=monotonic,
        )
        self._receivers = {
            kind: Receiver(
                kind,
                queues[kind],
                slots=self._slots,
                deliver=self._deliver,
                stopping=self._stopping,
                wait_s=self._config.wait_s,
                visibility_s=self._config.visibility_s,
                intake=self._intakes[kind],
                ended=self._receiver_ended,
                monotonic=monotonic,
            )
            for kind in Kind
        }

    def start(self) -> None:
        """Begins to receive."""
        self._heartbeat.start()
        self._receiving = len(self._receivers)
        for receiver in self._receivers.values():
            receiver.start()
        _log.info(
            "receiving requests and polls",
            action="container_started",
            concurrency=self._config.concurrency,
        )

    def state(self) -> ContainerState:
        """How things stand now."""
        held = self._heartbeat.held()
        in_hand = self._threads.unfinished
        now_s = self._monotonic()
        return ContainerState(
            is_stopping=self._stopping.is_set(),
            in_hand=in_hand,
            free_slots=self._config.concurrency - in_hand,
            oldest_in_hand_s=max((now_s - one.received_at_s for one in held), default=0.0),
            receivers={kind: one.state() for kind, one in self._receivers.items()},
            intake=self._intakes[Kind.REQUESTS](),
        )

    def begin_stop(self) -> None:
        """Stops receiving at once and lets the time for running work count down."""
        self._stop_at_s = self._monotonic() + self._config.stop_within_s
        self._handling.begin_stop(self._stop_at_s)
        self._stopping.set()
        self._slots.close()
        in_hand = self._threads.unfinished
        _log.info(
            "stopping: nothing more is received, running work ends"
            if in_hand
            else f"stopping: waiting for the long poll under way, up to {self._config.wait_s} s",
            action="container_stopping",
            in_hand=in_hand,
            within_s=self._config.stop_within_s,
        )

    def hurry(self) -> None:
        """Lets no further piece of work begin, and waits for no long poll any more.

        Each message ends after the call it is in. A paid call that is under way still gets its
        answer; that takes at most 20 s.
        """
        self._handling.hurry()
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()

    def finish_stop(self) -> bool:
        """Waits for long polls and running work, gives back the rest, sends all answers.

        Returns whether everything ended and was answered in time. Call `begin_stop` first.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_hurried or not self._receiving,
                timeout=max(0.0, self._left_s() - FLUSH_S),
            )
        has_ended = self._threads.wait_until_idle(max(0.0, self._left_s() - FLUSH_S))
        self._heartbeat.stop(timeout_s=FLUSH_S / 4)
        self._handling.give_back()
        is_flushed = self._answers.flush(self._left_s())
        _log.info(
            "stopped" if has_ended and is_flushed else "stopped with work unfinished",
            action="container_stopped",
            has_ended=has_ended,
            is_flushed=is_flushed,
        )
        return has_ended and is_flushed

    def _receiver_ended(self) -> None:
        with self._changed:
            self._receiving -= 1
            self._changed.notify_all()

    def _left_s(self) -> float:
        return max(0.0, self._stop_at_s - self._monotonic())

    def _deliver(self, kind: Kind, messages: Sequence[QueueMessage]) -> None:
        """Messages from a receiver, which has taken a slot for each, so a thread is free for each.

        What comes after a stop has begun is given back.
        """
        received_at_s = self._handling.hold(kind, messages)
        for message in messages:
            self._threads.submit(_Task(self, kind, message, received_at_s))

    def work(self, kind: Kind, message: QueueMessage, received_at_s: float) -> None:
        """Handles one message and answers the queue. Runs on a thread of the pool; never raises."""
        try:
            self._handling.handle(kind, message, received_at_s)
        finally:
            self._slots.give(kind)


@dataclass(frozen=True, slots=True)
class _Task:
    container: Container
    kind: Kind
    message: QueueMessage
    received_at_s: float

    def __call__(self) -> None:
        self.container.work(self.kind, self.message, self.received_at_s)
