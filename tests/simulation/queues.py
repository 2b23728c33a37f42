"""Queues with the manners of SQS that a calm one does not show.

Messages come in any order, are delivered again while somebody has them, reappear after they were
deleted, and are lost on the way to a worker, who gets an error while they are hidden. A long poll is
a receiver that waits at the queue; the first message that becomes visible goes to one of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.clockwork import Scheduler
from tests.simulation.storm import Storm
from worker.adapters.memory.clock import START
from worker.adapters.memory.queues import MemoryQueue, StoredMessage
from worker.adapters.messages import QueueMessage
from worker.errors import ThrottledError, UnavailableError
from worker.ports.clock import Clock

if TYPE_CHECKING:
    from tests.simulation.worker import SimWorker

Deliver = Callable[[list[QueueMessage] | Exception], None]
"""Takes what a receive brought: messages, or the error that the worker sees."""


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A long poll under way."""

    max_messages: int
    worker: SimWorker
    deliver: Deliver
    visibility_s: float
    until_s: float


class SimQueue(MemoryQueue):
    """One queue on which receivers wait."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        scheduler: Scheduler,
        storm: Storm,
        *,
        dead_letters: MemoryQueue | None = None,
        max_receives: int = 1000,
    ) -> None:
        super().__init__(clock, dead_letters=dead_letters, max_receives=max_receives)
        self._name = name
        self._scheduler = scheduler
        self._storm = storm
        self._rng: random.Random = storm.rng
        self._waiting: list[_Receiver] = []
        self._pausing: list[Callable[[], None]] = []
        self._looks_at_s: float | None = None
        self.deliveries: list[tuple[float, str, int]] = []
        """When which message was delivered for the how-many-th time."""

    def wait_for_messages(
        self,
        max_messages: int,
        worker: SimWorker,
        deliver: Deliver,
        *,
        visibility_s: float,
        until_s: float,
    ) -> None:
        """A long poll begins; `deliver` is called once, when there are messages or an error.

        What comes after `until_s` finds that it has ended: it gets no message then.
        """
        self._waiting.append(_Receiver(max_messages, worker, deliver, visibility_s, until_s))
        self.look()

    def call_when_visible(self, wake: Callable[[], None]) -> None:
        """Tells a receiver that pauses when there is something to come back for."""
        self._pausing.append(wake)
        self.look()

    def send(
        self,
        body: str,
        *,
        attributes: Mapping[str, str] | None = None,
        delay_s: float = 0,
        trace: str | None = None,
    ) -> None:
        """See `MemoryQueue.send`."""
        line_s = self._storm.line_s(self._name, self._scheduler.now_s)
        super().send(body, attributes=attributes, delay_s=delay_s + line_s, trace=trace)
        self.look()

    def send_batched(
        self,
        body: str,
        *,
        attributes: Mapping[str, str] | None = None,
        delay_s: float = 0,
        trace: str | None = None,
    ) -> None:
        """See `MemoryQueue.send_batched`."""
        self.send(body, attributes=attributes, delay_s=delay_s, trace=trace)

    def change_visibility(self, receipt_handle: str, seconds: float) -> bool:
        """See `MemoryQueue.change_visibility`."""
        is_ours = super().change_visibility(receipt_handle, seconds)
        self.look()
        return is_ours

    def hand_back(self, receipt_handle: str, seconds: float, *, is_shown_early: bool) -> bool:
        """Hides a message for so long; if there is a line then, it waits in it, too.

        It may be delivered once more before, as everything may be delivered at least once.
        """
        line_s = self._storm.line_s(self._name, self._scheduler.now_s)
        is_ours = self.change_visibility(receipt_handle, seconds + line_s)
        if is_ours and is_shown_early:
            message_id = receipt_handle.rpartition("-")[0]
            self._scheduler.after(self._rng.uniform(0.0, 4.0), lambda: self._show(message_id))
        return is_ours

    def look(self) -> None:
        """Sees to it that somebody looks when the next message is visible."""
        if not self._waiting and not self._pausing:
            return
        visible_at = self.next_visible_at()
        if visible_at is None:
            return
        due_s = max((visible_at - START).total_seconds(), self._scheduler.now_s)
        if self._looks_at_s is None or due_s < self._looks_at_s:
            self._looks_at_s = due_s
            self._scheduler.at(due_s, lambda: self._serve(due_s))

    def _serve(self, due_s: float) -> None:
        if self._looks_at_s != due_s:
            return  # an earlier look has taken its place
        self._looks_at_s = None
        self._waiting = [one for one in self._waiting if one.worker.listens]
        if self._is_anything_visible():
            woken, self._pausing = self._pausing, []
            for wake in woken:
                wake()
            now_s = self._scheduler.now_s
            ended = [one for one in self._waiting if one.until_s < now_s]
            self._waiting = [one for one in self._waiting if one.until_s >= now_s]
            for one in ended:
                self._scheduler.after(self._storm.latency_s(), partial(one.deliver, []))
            if self._waiting:
                place = self._rng.randrange(len(self._waiting))
                self._receive_for(self._waiting.pop(place))
        self.look()

    def _receive_for(self, receiver: _Receiver) -> None:
        max_messages, deliver = receiver.max_messages, receiver.deliver
        fault = self._storm.fault_of("receive", self._scheduler.now_s)
        name = fault.name if fault else ""
        if name in {"error before", "throttled"}:
            kind = ThrottledError if name == "throttled" else UnavailableError
            self._scheduler.after(self._storm.latency_s(), lambda: deliver(kind("receive")))
            return
        if name == "few":
            max_messages = 1
        received = self.receive(max_messages=max_messages, visibility_s=receiver.visibility_s)
        for message in received:
            self.deliveries.append(
                (self._scheduler.now_s, message.message_id, message.receive_count)
            )
        if name == "delivered twice" and received:
            again = self._rng.choice(received).message_id
            self._scheduler.after(self._rng.uniform(0.0, 20.0), lambda: self._show(again))
        # What SQS handed out and never arrived rests until its visibility ends.
        answer: list[QueueMessage] | Exception = received
        if name == "answer lost":
            answer = UnavailableError("receive")
        self._scheduler.after(self._storm.latency_s(), lambda: deliver(answer))

    def delete_unless_forgotten(self, receipt_handle: str, *, is_forgotten: bool) -> bool:
        """Deletes a message; one of SQS's servers may not hear of it and deliver it again."""
        if is_forgotten:
            return self._of(receipt_handle) is not None
        return self.delete(receipt_handle)

    def _show(self, message_id: str) -> None:
        stored = self._messages.get(message_id)
        if stored is not None:
            stored.visible_at = min(stored.visible_at, self._clock.now())
            self.look()

    def _is_anything_visible(self) -> bool:
        visible_at = self.next_visible_at()
        return visible_at is not None and visible_at <= self._clock.now()

    def _in_order(self, messages: Iterable[StoredMessage]) -> list[StoredMessage]:
        mixed = [one for one in messages if one.visible_at <= self._clock.now()]
        self._rng.shuffle(mixed)
        return mixed
