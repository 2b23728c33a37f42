"""The queue in memory keeps time like SQS, on a clock that is moved by hand."""

import pytest

from worker.adapters.memory import ManualClock, MemoryQueue
from worker.adapters.messages import QueueMessage

VISIBILITY_S = 30.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> MemoryQueue:
    return MemoryQueue(clock)


def received(queue: MemoryQueue) -> list[QueueMessage]:
    return queue.receive(visibility_s=VISIBILITY_S)


def test_delayed_message_appears_when_its_delay_is_over(
    queue: MemoryQueue, clock: ManualClock
) -> None:
    queue.send("one", delay_s=5)
    clock.advance(4.9)
    assert received(queue) == []
    clock.advance(0.1)
    assert [one.body for one in received(queue)] == ["one"]


def test_message_comes_back_when_its_visibility_is_over(
    queue: MemoryQueue, clock: ManualClock
) -> None:
    queue.send("one")
    (first,) = received(queue)
    clock.advance(VISIBILITY_S - 1)
    assert received(queue) == []
    clock.advance(1)
    (again,) = received(queue)
    assert (again.message_id, again.receive_count) == (first.message_id, 2)
    assert again.sent_at == first.sent_at


def test_outdated_handle_neither_deletes_nor_hides(queue: MemoryQueue, clock: ManualClock) -> None:
    queue.send("one")
    (first,) = received(queue)
    clock.advance(VISIBILITY_S)
    (again,) = received(queue)
    assert queue.delete(first.receipt_handle) is False
    assert queue.change_visibility(first.receipt_handle, 0) is False
    assert len(queue) == 1
    assert queue.delete(again.receipt_handle) is True
    assert len(queue) == 0


def test_message_whose_time_is_up_cannot_be_hidden_again(
    queue: MemoryQueue, clock: ManualClock
) -> None:
    queue.send("one")
    (message,) = received(queue)
    clock.advance(VISIBILITY_S)
    assert queue.change_visibility(message.receipt_handle, 60) is False
    assert len(received(queue)) == 1


def test_handed_back_message_waits_as_long_as_it_was_told(
    queue: MemoryQueue, clock: ManualClock
) -> None:
    queue.send("one")
    (message,) = received(queue)
    assert queue.change_visibility(message.receipt_handle, 2)
    clock.advance(1.9)
    assert received(queue) == []
    clock.advance(0.1)
    assert len(received(queue)) == 1


def test_message_received_too_often_moves_to_the_dead_letters(clock: ManualClock) -> None:
    dead_letters = MemoryQueue(clock)
    queue = MemoryQueue(clock, dead_letters=dead_letters, max_receives=2)
    queue.send("one", attributes={"a": "b"})
    for _ in range(2):
        (message,) = received(queue)
        queue.change_visibility(message.receipt_handle, 0)
    assert received(queue) == []
    assert len(queue) == 0
    (dead,) = received(dead_letters)
    assert (dead.body, dead.attributes) == ("one", {"a": "b"})
    assert dead_letters.sent == []


def test_queue_says_when_the_next_message_appears(queue: MemoryQueue, clock: ManualClock) -> None:
    assert queue.next_visible_at() is None
    queue.send("late", delay_s=9)
    queue.send("soon", delay_s=4)
    appears_at = queue.next_visible_at()
    assert appears_at is not None
    clock.advance_to(appears_at)
    assert [one.body for one in received(queue)] == ["soon"]


def test_everything_that_was_sent_is_remembered(queue: MemoryQueue) -> None:
    queue.send("one", attributes={"a": "b"}, delay_s=3)
    (sent,) = queue.sent
    assert (sent.body, sent.attributes, sent.delay_s) == ("one", {"a": "b"}, 3)


def test_clock_does_not_go_back(clock: ManualClock) -> None:
    now = clock.now()
    clock.advance_to(now.replace(year=1999))
    assert clock.now() == now
