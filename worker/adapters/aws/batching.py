"""Gathers what several threads send at about the same time into batches, each entry its own outcome.

    thread 1 ── submit ──┐
    thread 2 ── submit ──┼─► linger, at most 20 ms ─► one call ─► an outcome for each
    thread 3 ── submit ──┘   (or ten entries)

While one call is under way the next batch gathers, so under load batches are full and nobody
lingers longer than the call takes; an entry alone is delayed by the linger and no more.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_ENTRIES = 10
"""Source: SQS SendMessageBatch, DeleteMessageBatch and ChangeMessageVisibilityBatch."""

DEFAULT_LINGER_S = 0.02


class BatcherClosedError(RuntimeError):
    """Something was submitted after `close`: a bug in the order in which things are stopped."""


class Batcher(Generic[T, R]):
    """Hands batches of items to `send`, in the order in which they were submitted.

    Args:
        send: gets 1 to `max_entries` items and returns, in the same order, each one's result or
            the exception that is its own. An exception that it raises is everybody's.
        name: of the threads, for people who look at a thread dump.
        linger_s: how long the first item of a batch waits for company, in seconds.
        max_entries: a batch of so many is sent at once.
        max_bytes: the most that the `size_bytes` of a batch add up to; an item that is larger
            alone is sent alone.
        size_bytes: the size of one item.
        senders: threads that send, and so the calls under way at a time. They are started when
            they are first needed and do not keep the process alive.
    """

    def __init__(
        self,
        send: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        name: str,
        linger_s: float = DEFAULT_LINGER_S,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int | None = None,
        size_bytes: Callable[[T], int] = lambda _: 0,
        senders: int = 2,
    ) -> None:
        self._send = send
        self._name = name
        self._linger_s = linger_s
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size_bytes = size_bytes
        self._senders = senders
        self._changed = threading.Condition()
        self._waiting: deque[_Entry[T, R]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._is_gathering = False
        self._is_closed = False

    def call(self, item: T) -> R:
        """Sends the item in some batch and returns its result, or raises its own error."""
        return self.submit(item).result()

    def submit(self, item: T) -> Future[R]:
        """Sends the item in some batch; the answer holds its result or its own error.

        Raises:
            BatcherClosedError: after `close`.
            RuntimeError: no thread can be started to send it.
        """
        entry = _Entry[T, R](item, self._size_bytes(item), time.monotonic() + self._linger_s)
        with self._changed:
            if self._is_closed:
                raise BatcherClosedError(f"{self._name}: closed, and somebody still sends")
            self._waiting.append(entry)
            try:
                self._wake()
            except RuntimeError:
                self._waiting.pop()
                raise
        return entry.answer

    def hurry(self) -> None:
        """Lets nothing that waits now linger any longer. Does not block."""
        with self._changed:
            for entry in self._waiting:
                entry.send_by = 0.0
            self._changed.notify_all()

    def close(self) -> None:
        """Sends what is waiting at once and returns when all answers are in."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _wake(self) -> None:
        """Makes sure that somebody attends to the new entry, and disturbs nobody in vain."""
        if self._is_gathering:
            # The one who gathers looks again by himself when his time is up.
            if self._is_full():
                self._changed.notify_all()
        elif self._idle:
            self._changed.notify()
        elif len(self._threads) < self._senders:
            self._start_sender()

    def _start_sender(self) -> None:
        name = f"{self._name}-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process has as many threads as it may have
            if not self._threads:
                raise
            return  # those that there are send it, each when it is free
        self._threads.append(thread)

    def _run(self) -> None:
        while True:
            with self._changed:
                batch = self._next_batch()
            if not batch:
                return
            self._deliver(batch)

    def _next_batch(self) -> list[_Entry[T, R]]:
        """Waits for entries and takes a batch; empty when there will never be one again."""
        self._wait_for_turn()
        if not self._waiting:
            return []
        self._is_gathering = True
        while not (self._is_full() or self._is_closed):
            left_s = self._waiting[0].send_by - time.monotonic()
            if left_s <= 0:
                break
            self._changed.wait(left_s)
        self._is_gathering = False
        batch = self._take()
        if self._is_closed:
            self._changed.notify_all()
        elif self._waiting:
            self._wake()
        return batch

    def _wait_for_turn(self) -> None:
        """Until there is something to gather that nobody gathers, or nothing more will come."""
        self._idle += 1
        while (self._is_gathering or not self._waiting) and not (
            self._is_closed and not self._waiting
        ):
            self._changed.wait()
        self._idle -= 1

    def _is_full(self) -> bool:
        if len(self._waiting) >= self._max_entries:
            return True
        return self._max_bytes is not None and (
            sum(entry.size_bytes for entry in self._waiting) >= self._max_bytes
        )

    def _take(self) -> list[_Entry[T, R]]:
        batch: list[_Entry[T, R]] = []
        size_bytes = 0
        while self._waiting and len(batch) < self._max_entries:
            size_bytes += self._waiting[0].size_bytes
            if batch and self._max_bytes is not None and size_bytes > self._max_bytes:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _deliver(self, batch: list[_Entry[T, R]]) -> None:
        outcomes: Sequence[R | Exception]
        try:
            outcomes = self._send([entry.item for entry in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"{self._name}: {len(outcomes)} outcomes for {len(batch)} items")  # noqa: TRY301 - everybody's error, like the others
        except Exception as error:  # noqa: BLE001 - it is handed to those who wait
            outcomes = [error] * len(batch)
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                entry.answer.set_exception(outcome)
            else:
                entry.answer.set_result(outcome)


class _Entry(Generic[T, R]):
    """One item on its way, with the place where its answer will be."""

    __slots__ = ("answer", "item", "send_by", "size_bytes")

    def __init__(self, item: T, size_bytes: int, send_by: float) -> None:
        self.item = item
        self.size_bytes = size_bytes
        self.send_by = send_by
        self.answer: Future[R] = Future()
        # It cannot be cancelled: the item may be on its way already.
        self.answer.set_running_or_notify_cancel()
