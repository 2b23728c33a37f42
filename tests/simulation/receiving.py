"""How a simulated process receives: by the real `Receiver` and `Slots`, which wait as tasks here.

An empty long poll that nobody would notice is not simulated: the poll under way lasts until there is
a message. If it should have ended before, it ends empty then, and the receiver decides anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from tests.simulation.clockwork import Process
from worker.adapters.messages import QueueMessage
from worker.runtime.slots import Kind, Slots

if TYPE_CHECKING:
    from tests.simulation.queues import SimQueue
    from tests.simulation.worker import SimWorker


class TaskCondition:
    """As much of `threading.Condition` as `Slots` uses. One task runs at a time: no lock is needed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        """Nobody else runs."""

    def __exit__(self, *_: object) -> None:
        """Nobody else ran."""

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Lets others run until it is so, for `timeout` seconds at most."""
        scheduler = self._process.scheduler
        until_s = None if timeout is None else scheduler.now_s + timeout
        while not predicate() and (until_s is None or scheduler.now_s < until_s):
            task = scheduler.task
            assert task is not None
            wake = self._process.alive(task.wake_once())
            self._waiting.append(wake)
            if until_s is not None:
                scheduler.at(until_s, wake)
            scheduler.park()
        return predicate()

    def notify_all(self) -> None:
        """Those that wait look again."""
        woken, self._waiting = self._waiting, []
        for wake in woken:
            self._process.scheduler.after(0.0, wake)


class TaskSlots(Slots):
    """The real slots; whoever waits for one is a task."""

    def __init__(self, process: Process, total: int) -> None:
        super().__init__(total, monotonic=lambda: process.scheduler.now_s)
        self._changed = cast("threading.Condition", TaskCondition(process))


class ReceiveWire:
    """A queue, as a receiver asks it."""

    def __init__(self, worker: SimWorker, kind: Kind, queue: SimQueue) -> None:
        self._worker = worker
        self._kind = kind
        self._queue = queue

    def receive(
        self, *, max_messages: int, wait_s: int, visibility_s: int
    ) -> Sequence[QueueMessage]:
        """See `MessageQueue.receive`."""
        worker, scheduler = self._worker, self._worker.scheduler
        task = scheduler.task
        assert task is not None
        asked_at = worker.clock.local_now()
        wake = worker.alive(task.wake_once())
        answers: list[list[QueueMessage] | Exception] = []

        def deliver(received: list[QueueMessage] | Exception) -> None:
            answers.append(received)
            wake()

        self._queue.wait_for_messages(
            max_messages,
            worker,
            deliver,
            visibility_s=visibility_s,
            until_s=scheduler.now_s + wait_s,
        )
        scheduler.park()
        received = answers[0]
        if isinstance(received, Exception):
            what = type(received).__name__
            worker.service.witness.tell(worker.name, f"{self._kind}.receive", what)
            raise received
        worker.heard_from_aws(self._kind, asked_at)
        for message in received:
            what = f"{message.message_id} #{message.receive_count}"
            worker.service.witness.tell(worker.name, f"{self._kind}.receive", what)
        return received
