"""A queue and an engine in memory that tests hold still and let go on, without any waiting."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime

from worker.adapters.messages import QueueMessage
from worker.engine.intake import Intake
from worker.jobs.outcomes import Done, Outcome
from worker.ports.clock import WorkBudget
from worker.ports.queues import ReceivedMessage

PATIENCE_S = 20.0
"""When a test gives up; nothing ever takes so long."""


def message(name: str, receive_count: int = 1) -> QueueMessage:
    return QueueMessage(
        body=name,
        receipt_handle=f"receipt-{name}",
        message_id=name,
        receive_count=receive_count,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def answered(value: bool | Exception) -> Future[bool]:
    answer: Future[bool] = Future()
    if isinstance(value, Exception):
        answer.set_exception(value)
    else:
        answer.set_result(value)
    return answer


class FakeQueue:
    """Blocks in `receive` until there is something; records everything that is asked of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: list[QueueMessage] = []
        self.failures: list[Exception] = []
        self.asked: list[tuple[int, int, int]] = []
        self.in_receive = 0
        self.deleted: list[str] = []
        self.hidden: list[tuple[str, float]] = []
        self.answer: bool | Exception = True
        self.on_answer: Callable[[], None] = lambda: None
        self.is_closed = False
        self.is_released = False

    def receive(self, *, max_messages: int, wait_s: int, visibility_s: int) -> list[QueueMessage]:
        assert 1 <= max_messages <= 10
        assert 0 <= wait_s <= 20
        with self.changed:
            self.asked.append((max_messages, wait_s, visibility_s))
            if self.failures:
                self.changed.notify_all()
                raise self.failures.pop(0)
            self.in_receive += 1
            self.changed.notify_all()
            if wait_s:
                self.changed.wait_for(lambda: self.waiting or self.is_released, PATIENCE_S)
            taken, self.waiting = self.waiting[:max_messages], self.waiting[max_messages:]
            self.in_receive -= 1
            self.changed.notify_all()
            return taken

    def put(self, *messages: QueueMessage) -> None:
        with self.changed:
            self.waiting.extend(messages)
            self.changed.notify_all()

    def release(self) -> None:
        """Lets long polls return with nothing, as at the end of a test."""
        with self.changed:
            self.is_released = True
            self.changed.notify_all()

    def delete_soon(self, receipt_handle: str) -> Future[bool]:
        self.on_answer()
        with self.changed:
            self.deleted.append(receipt_handle)
            self.changed.notify_all()
        return answered(self.answer)

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        with self.changed:
            self.hidden.append((receipt_handle, seconds))
            self.changed.notify_all()
        return answered(self.answer)

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), "it never came to that"


class FakeEngine:
    """Holds every message until the test lets it go on; answers as the test says."""

    def __init__(self, *, holds: bool = False) -> None:
        self.changed = threading.Condition()
        self.holds = holds
        self.at_work: list[str] = []
        self.most_at_work = 0
        self.started: list[str] = []
        self.outcomes: dict[str, Outcome | Exception] = {}
        self.budgets: dict[str, WorkBudget] = {}
        self.receive_counts: dict[str, int] = {}
        self.told = Intake()

    def handle_request(self, received: ReceivedMessage, budget: WorkBudget) -> Outcome:
        return self._handle(received, budget)

    def handle_poll(self, received: ReceivedMessage, budget: WorkBudget) -> Outcome:
        return self._handle(received, budget)

    def intake(self) -> Intake:
        return self.told

    def let_all_go(self) -> None:
        with self.changed:
            self.holds = False
            self.changed.notify_all()

    def wait_for(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), "it never came to that"

    def _handle(self, received: ReceivedMessage, budget: WorkBudget) -> Outcome:
        with self.changed:
            self.started.append(received.body)
            self.at_work.append(received.body)
            self.budgets[received.body] = budget
            self.receive_counts[received.body] = received.receive_count
            self.most_at_work = max(self.most_at_work, len(self.at_work))
            self.changed.notify_all()
            self.changed.wait_for(lambda: not self.holds, PATIENCE_S)
            self.at_work.remove(received.body)
            self.changed.notify_all()
        outcome = self.outcomes.get(received.body, Done())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class FakeMonotonic:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s
