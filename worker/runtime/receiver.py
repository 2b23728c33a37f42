"""Brings messages of one queue, as many as there are slots, for as long as the process runs.

One thread per queue. Trouble (throttling, an outage, refused credentials) is told once when it
begins, once when it changes and once when it is over; between tries the wait grows with full
jitter, and no other part of the worker is held up.

Long polls begin short and grow while the queue stays empty. A process that stops has to wait for
the poll under way: cut off, it may still be given messages, which then rest until their visibility
timeout is over. So a busy worker stops at once, and an idle one costs little.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from worker.adapters.messages import MAX_RECEIVED, QueueMessage
from worker.engine.intake import Intake
from worker.errors import TransientError, WorkerError
from worker.jobs.pacing import backoff_s
from worker.runtime.gathering import Gathering
from worker.runtime.queues import MessageQueue
from worker.runtime.slots import Kind, Slots

_log = structlog.get_logger(__name__)

FIRST_WAIT_S: Final = 1
"""Length of the first long poll after a message; each empty one doubles it."""

MAX_BACKOFF_S: Final = 30.0
"""An outage that ends is noticed within half a minute."""

HELD_PAUSE_S: Final = 1.0
"""While intake is held: how soon to ask again, and how long the one message that finds out has
before the next could be received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """How receiving goes. Ages in seconds; None: never yet."""

    last_success_age_s: float | None
    trouble: str | None
    """The message of the last error, if nothing succeeded since."""
    call_age_s: float | None
    """How long the present call has been under way; None when none is."""
    is_alive: bool
    """Whether its thread runs."""


class Receiver:
    """Receives from one queue in a thread of its own.

    Args:
        kind: Whose slots it takes.
        queue: Where messages come from.
        slots: One is taken for every message before it is asked for.
        deliver: Takes the messages; owns their slots from then on. Must not raise or block.
        stopping: Once set, nothing more is received.
        wait_s: Length of the longest long poll, in whole seconds.
        visibility_s: For how long messages are hidden from others.
        intake: Says whether messages of this queue are taken now. What is not received does not
            count as delivered, so held requests can wait as long as the queue keeps them.
        ended: Called when the thread has received for the last time.
        monotonic: Clock, seconds.
        jitter: Randomness of the waits after errors.
    """

    def __init__(
        self,
        kind: Kind,
        queue: MessageQueue,
        *,
        slots: Slots,
        deliver: Callable[[Kind, Sequence[QueueMessage]], None],
        stopping: threading.Event,
        wait_s: int,
        visibility_s: int,
        intake: Callable[[], Intake] = Intake,
        ended: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: random.Random | None = None,
    ) -> None:
        self._kind = kind
        self._queue = queue
        self._slots = slots
        self._deliver = deliver
        self._stopping = stopping
        self._longest_wait_s = wait_s
        self._wait_s = 0
        self._intake = intake
        self._ended = ended
        self._visibility_s = visibility_s
        self._monotonic = monotonic
        self._jitter = jitter or random.Random()  # noqa: S311 - spreads retries, keeps no secret
        self._gathering = Gathering()
        self._failures = 0
        self._trouble: str | None = None
        self._succeeded_at_s: float | None = None
        self._called_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"receive-{kind}", daemon=True)

    def start(self) -> None:
        """Begins to receive."""
        self._thread.start()

    def state(self) -> ReceiverState:
        """How receiving goes. Read from other threads; each value is whole, if not the newest."""
        now_s = self._monotonic()
        succeeded_at_s, called_at_s = self._succeeded_at_s, self._called_at_s
        return ReceiverState(
            last_success_age_s=None if succeeded_at_s is None else now_s - succeeded_at_s,
            trouble=self._trouble,
            call_age_s=None if called_at_s is None else now_s - called_at_s,
            is_alive=self._thread.is_alive(),
        )

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause_s = self.receive_once()
                if pause_s > 0:
                    self._stopping.wait(pause_s)
        finally:
            self._ended()

    def receive_once(self) -> float:
        """One receive, with its slots. Returns how long to pause before the next one."""
        taken = 0
        messages: Sequence[QueueMessage] = ()
        try:
            intake = self._intake()
            if intake.for_s > 0:
                return min(intake.for_s, HELD_PAUSE_S)
            taken = self._slots.take(self._kind, most=min(intake.most, MAX_RECEIVED))
            if not taken:
                return 0.0
            self._called_at_s = self._monotonic()
            messages = self._queue.receive(
                max_messages=taken,
                wait_s=self._wait_s,
                visibility_s=self._visibility_s,
            )
        except WorkerError as error:
            return self._failed(error.message, error)
        except Exception as error:  # noqa: BLE001 - a bug in one call must not end the worker
            _log.exception("a bug: receiving failed", action="receive_raised", queue=self._kind)
            return self._failed(f"{type(error).__name__}", error)
        finally:
            self._called_at_s = None
            self._slots.give(self._kind, taken - len(messages))
        self._succeeded(len(messages))
        if messages:
            self._deliver(self._kind, messages)
            if intake.reason is not None:
                return HELD_PAUSE_S
        return self._gathering.pause_s()

    def _succeeded(self, messages: int) -> None:
        now_s = self._monotonic()
        self._succeeded_at_s = now_s
        self._gathering.note(messages, at_s=now_s)
        doubled_s = FIRST_WAIT_S if messages else max(FIRST_WAIT_S, 2 * self._wait_s)
        self._wait_s = min(doubled_s, self._longest_wait_s)
        self._failures = 0
        if self._trouble is not None:
            self._trouble = None
            _log.info("receiving again", action="receive_recovered", queue=self._kind)

    def _failed(self, said: str, error: Exception) -> float:
        self._failures += 1
        # As in the beginning: a call that answers at once shows soon that the trouble is over.
        self._wait_s = 0
        wait_s = backoff_s(self._failures, random=self._jitter, cap_s=MAX_BACKOFF_S)
        if isinstance(error, TransientError) and error.retry_after_s is not None:
            wait_s = max(wait_s, min(error.retry_after_s, MAX_BACKOFF_S))
        # Their request ids differ each time; the trouble is the same.
        said = said.partition(" [request id")[0]
        if said != self._trouble and not self._stopping.is_set():
            _log.warning(
                "the queue gives no messages; trying again until it does",
                action="receive_failed",
                queue=self._kind,
                reason=said,
                error_class=type(error).__name__,
            )
        self._trouble = said
        return wait_s
