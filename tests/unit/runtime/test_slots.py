import threading

import pytest

from worker.runtime.slots import Kind, Slots, kept_for_polls


@pytest.mark.parametrize(("total", "kept"), [(2, 1), (3, 1), (8, 2), (32, 10), (512, 10)])
def test_a_third_of_the_slots_is_kept_for_polls_at_most_ten(total: int, kept: int) -> None:
    assert kept_for_polls(total) == kept


def test_an_idle_worker_takes_a_full_batch_at_once() -> None:
    slots = Slots(32, gather_s=3600)
    assert slots.take(Kind.REQUESTS) == 10


def test_requests_never_take_the_slots_kept_for_polls() -> None:
    slots = Slots(8, gather_s=0)
    assert [slots.take(Kind.REQUESTS) for _ in range(2)] == [4, 2]
    assert slots.take(Kind.POLLS) == 2


def test_polls_may_take_every_slot() -> None:
    slots = Slots(8, gather_s=0)
    assert [slots.take(Kind.POLLS) for _ in range(2)] == [4, 4]


@pytest.mark.parametrize("total", [2, 3, 8, 20, 32])
@pytest.mark.parametrize("idle", list(Kind))
def test_an_idle_long_poll_leaves_slots_for_the_other_queue(total: int, idle: Kind) -> None:
    slots = Slots(total, gather_s=3600)
    other = Kind.POLLS if idle is Kind.REQUESTS else Kind.REQUESTS
    assert slots.take(idle) <= total / 2
    assert slots.take(other) >= 1


def test_at_load_a_receiver_waits_until_a_receive_is_worth_its_price() -> None:
    slots = Slots(40, gather_s=3600)
    assert [slots.take(Kind.POLLS) for _ in range(4)] == [10, 10, 10, 10]
    taken: list[int] = []
    receiver = threading.Thread(target=lambda: taken.append(slots.take(Kind.POLLS)))
    receiver.start()
    for _ in range(9):
        slots.give(Kind.POLLS)
        assert not taken
    slots.give(Kind.POLLS)
    receiver.join(20)
    assert taken == [10]


def test_few_slots_are_taken_when_no_more_become_free() -> None:
    slots = Slots(22, gather_s=0)
    assert [slots.take(Kind.POLLS) for _ in range(3)] == [10, 10, 2]


def test_a_receiver_that_waits_gets_nothing_once_the_slots_are_closed() -> None:
    slots = Slots(2, gather_s=3600)
    assert [slots.take(Kind.POLLS) for _ in range(2)] == [1, 1]
    taken: list[int] = []
    receiver = threading.Thread(target=lambda: taken.append(slots.take(Kind.REQUESTS)))
    receiver.start()
    slots.close()
    receiver.join(20)
    assert taken == [0]
    slots.give(Kind.POLLS, 2)
    assert slots.take(Kind.POLLS) == 0


def test_fewer_slots_can_be_taken_than_are_free() -> None:
    slots = Slots(32)
    assert slots.take(Kind.REQUESTS, most=1) == 1
    assert slots.take(Kind.REQUESTS) == 10
