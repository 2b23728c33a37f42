"""Keeps messages hidden while they are worked on: at half time, the timeout begins anew.

    received      +30 s          +60 s          +90 s           done
      |─────────────|──────────────|──────────────|───────────────|
      hidden 60 s   hidden 60 s    hidden 60 s    hidden 60 s     nothing more

Most messages are done long before the first extension, and then this costs nothing but an
entry in a dictionary.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from worker.errors import WorkerError
from worker.runtime.queue_verbs import longest_s
from worker.runtime.queues import MessageQueue
from worker.runtime.slots import Kind

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class HeldMessage:
    """A message in hand; times on the monotonic clock. `due_at_s` inf: SQS grants no more."""

    kind: Kind
    receipt_handle: str
    received_at_s: float
    due_at_s: float


class Heartbeat:
    """Extends the visibility of messages in hand, from a thread of its own once started.

    Args:
        queues: The queue of each kind.
        visibility_s: For how long messages are received, and extended each time.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        queues: Mapping[Kind, MessageQueue],
        *,
        visibility_s: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queues = queues
        self._visibility_s = visibility_s
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._held: dict[str, HeldMessage] = {}
        self._extending: frozenset[str] = frozenset()
        self._is_stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to look after messages."""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self, *, timeout_s: float = 1.0) -> None:
        """No more extensions; waits so long for one that is under way."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def hold(self, kind: Kind, receipt_handles: Sequence[str], *, received_at_s: float) -> None:
        """These messages are in hand since `received_at_s`."""
        with self._changed:
            for handle in receipt_handles:
                due_at_s = received_at_s + self._visibility_s / 2
                self._held[handle] = HeldMessage(kind, handle, received_at_s, due_at_s)
            # Nobody is woken: the thread never sleeps past half a timeout, so it is up in time.

    def let_go(self, receipt_handle: str) -> None:
        """The message is dealt with, or somebody else's.

        Waits for an extension of it that is under way: its answer must reach the queue later, or
        a message that is handed back for 2 s would rest for a minute.
        """
        with self._changed:
            self._changed.wait_for(lambda: receipt_handle not in self._extending)
            self._held.pop(receipt_handle, None)

    def held(self) -> list[HeldMessage]:
        """All messages in hand."""
        with self._changed:
            return list(self._held.values())

    def beat(self) -> None:
        """Extends what is due now, and returns when the queue has answered."""
        now_s = self._monotonic()
        with self._changed:
            due = [one for one in self._held.values() if one.due_at_s <= now_s]
            self._extending = frozenset(one.receipt_handle for one in due)
        try:
            # All are handed in before the first answer is awaited, so that they share requests.
            answers = [(one, *self._extend(one, now_s)) for one in due]
            for held, is_last, answer in answers:
                again_s = self._next_after_s(held, answer)
                held.due_at_s = math.inf if is_last else now_s + again_s
        finally:
            with self._changed:
                self._extending = frozenset()
                self._changed.notify_all()

    def _extend(self, held: HeldMessage, now_s: float) -> tuple[bool, Future[bool]]:
        """Whether this is the last extension that SQS grants, and its answer."""
        granted_s = min(self._visibility_s, longest_s(now_s - held.received_at_s))
        queue = self._queues[held.kind]
        answer = queue.change_visibility_soon(held.receipt_handle, granted_s)
        return granted_s < self._visibility_s, answer

    def _next_after_s(self, held: HeldMessage, answer: Future[bool]) -> float:
        """Seconds to the next extension: half a timeout, sooner after trouble, or never."""
        try:
            if answer.result():
                _log.debug("a message stays hidden", action="heartbeat", queue=str(held.kind))
                return self._visibility_s / 2
        except Exception as error:  # noqa: BLE001 - one bad answer must not end the thread that guards all
            _log.warning(
                "a message could not be kept hidden; trying again soon",
                action="heartbeat_failed",
                queue=str(held.kind),
                reason=error.message if isinstance(error, WorkerError) else repr(error),
            )
            return self._visibility_s / 10
        _log.warning(
            "a message is not ours any more; its job's lease keeps the work single",
            action="heartbeat_too_late",
            queue=str(held.kind),
        )
        return math.inf

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_stopped:
                    return
                wait_s = self.until_due_s()
                if wait_s > 0:
                    self._changed.wait(wait_s)
                    continue
            self.beat()

    def until_due_s(self) -> float:
        """Seconds until the next `beat` may have something to do; at most half a timeout."""
        half_s = self._visibility_s / 2
        first_s = min((held.due_at_s for held in self._held.values()), default=math.inf)
        return max(0.0, min(half_s, first_s - self._monotonic()))
