"""One batch of messages on Lambda: each handled on a thread, each with an outcome of its own.

    record ─► thread free, time left ─► engine ─┬─ done ──────────────► not named: Lambda deletes it
                       │                        └─ again in N s ─┐
                       └─ no ──────────────────────── at once ───┴────► hidden for N s, and named
    work that hangs when the time is over ─────────────────────────────► named; stays hidden

What is named and hidden comes back when we said; Lambda itself never changes the visibility. A change
that fails costs time only: the message comes back when the queue's own timeout is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Final, Protocol

import structlog

from worker.adapters.messages import QueueMessage
from worker.jobs.outcomes import Outcome
from worker.ports.clock import WorkBudget
from worker.ports.queues import ReceivedMessage
from worker.runtime.answers import report_lost
from worker.runtime.handling import as_received
from worker.runtime.lambda_time import BEGIN_S, InvocationTime
from worker.runtime.queue_verbs import GIVE_BACK, ChangeVisibility, Delete, QueueVerb, verb_for
from worker.runtime.slots import Kind
from worker.runtime.threads import WorkerThreads

_log = structlog.get_logger(__name__)

_LOOK_UP_S: Final = 1.0
"""How often the wait for work looks at Lambda's clock, which is not the one that it waits by."""

Handle = Callable[[ReceivedMessage, WorkBudget], Outcome]
"""What the engine does with a message of one queue."""


class HandBackQueue(Protocol):
    """Where messages are handed back."""

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """Hides a message for so long from now; 0 makes it visible at once. Does not block."""

    def hurry(self) -> None:
        """Sends at once what still waits for company. Does not block."""


class BatchRunner:
    """Works on one batch after the other, on threads that it keeps between them.

    Args:
        kind: Which queue the messages are from.
        handle: The engine's part.
        queue: That queue.
        concurrency: Messages worked on at once.
    """

    def __init__(
        self, kind: Kind, *, handle: Handle, queue: HandBackQueue, concurrency: int
    ) -> None:
        self._kind = kind
        self._handle = handle
        self._queue = queue
        self._concurrency = concurrency
        self._threads = WorkerThreads(concurrency, name="work")

    def run(self, messages: Sequence[QueueMessage], time: InvocationTime) -> frozenset[str]:
        """Handles the messages. Returns the ids of those that have to be kept: all but the done.

        Returns before the function's timeout, whatever hangs.
        """
        batch = _Batch(self._kind, messages, self._handle, self._queue, time)
        for index in range(len(messages)):
            self._threads.submit(_Task(batch, index))
        hanging = batch.wait()
        if hanging:
            # Their threads may never end; what they still do is answered for by their leases. The
            # others do end: an environment has 1,024 threads in all (Source: Lambda quotas).
            self._threads.retire()
            self._threads = WorkerThreads(self._concurrency, name="work")
            _log.warning(
                f"{hanging} message(s) not done in time: hidden until the queue's timeout is over",
                action="invocation_left_work",
                queue=self._kind,
            )
        batch.send_answers()
        return batch.kept()

    def retire(self) -> None:
        """Ends the threads that it keeps; the last use of the runner."""
        self._threads.retire()


class _Batch:
    """What has become of the messages so far. Safe to share between threads."""

    def __init__(
        self,
        kind: Kind,
        messages: Sequence[QueueMessage],
        handle: Handle,
        queue: HandBackQueue,
        time: InvocationTime,
    ) -> None:
        self._kind = kind
        self._messages = messages
        self._handle = handle
        self._queue = queue
        self._time = time
        self._changed = threading.Condition()
        # Messages by their place: one can be in a batch twice, under one name.
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._done: set[int] = set()
        self._answers: list[Future[bool]] = []
        self._is_over = False

    def work(self, index: int) -> None:
        """Handles one message. Runs on a thread of the pool; never raises."""
        with self._changed:
            if self._is_over:
                return
            self._begun.add(index)
        verb: QueueVerb | None = None
        try:
            verb = self._verb_for(self._messages[index])
        except Exception:  # noqa: BLE001 - the engine promises not to raise; a bug costs one message
            _log.exception(
                "a bug: a message could not be handled; it comes back by itself",
                action="handler_raised",
                queue=self._kind,
            )
        with self._changed:
            if not self._is_over:
                self._settle(index, verb)

    def _verb_for(self, message: QueueMessage) -> QueueVerb:
        left_s = self._time.left_s()
        if self._time.remaining_s() < BEGIN_S:
            return GIVE_BACK
        received = as_received(message)
        outcome = self._handle(received, self._time)
        return verb_for(outcome, held_s=max(0.0, left_s - self._time.left_s()))

    def wait(self) -> int:
        """Waits for all work, or until its time is over. Returns how many messages hang then.

        What was not begun by then is handed back at once. What ends later is not heard any more.
        """
        with self._changed:
            while len(self._ended) < len(self._messages):
                left_s = self._time.remaining_s()
                if left_s <= 0:
                    break
                self._changed.wait(min(left_s, _LOOK_UP_S))
            for index in range(len(self._messages)):
                if index not in self._begun:
                    self._settle(index, GIVE_BACK)
            self._is_over = True
            return len(self._messages) - len(self._ended)

    def send_answers(self) -> None:
        """Sends what is to be told to the queue, for as long as there is time."""
        if self._answers:
            self._queue.hurry()
            wait(self._answers, timeout=self._time.for_answers_s())

    def kept(self) -> frozenset[str]:
        """The ids of all messages but those that are done, each time that they are in the batch."""
        return frozenset(
            message.message_id
            for index, message in enumerate(self._messages)
            if index not in self._done
        )

    def _settle(self, index: int, verb: QueueVerb | None) -> None:
        """Notes what became of a message and hands it back, unless it is done. Under the lock."""
        self._ended.add(index)
        receipt_handle = self._messages[index].receipt_handle
        if isinstance(verb, Delete):
            self._done.add(index)
        elif isinstance(verb, ChangeVisibility) and receipt_handle:
            answer = self._queue.change_visibility_soon(receipt_handle, verb.seconds)
            answer.add_done_callback(report_lost(self._kind, verb))
            self._answers.append(answer)
        self._changed.notify_all()


class _Task:
    """A message of a batch, on its way to a thread."""

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: _Batch, index: int) -> None:
        self._batch = batch
        self._index = index

    def __call__(self) -> None:
        self._batch.work(self._index)
