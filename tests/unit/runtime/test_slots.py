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
    assert slots.take(Kind.REQUESTS) == 6
    assert slots.take(Kind.POLLS) == 2


def test_polls_may_take_every_slot() -> None:
    slots = Slots(8, gather_s=0)
    assert slots.take(Kind.POLLS) == 8


@pytest.mark.parametrize("total", [2, 3, 8, 20, 32])
def test_two_idle_receivers_do_not_wait_for_each_others_slots(total: int) -> None:
    slots = Slots(total, gather_s=3600)
    assert slots.take(Kind.REQUESTS) >= 1
    assert slots.take(Kind.POLLS) >= 1


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
    slots = Slots(12, gather_s=0)
    slots.take(Kind.POLLS)
    assert slots.take(Kind.POLLS) == 2


def test_a_receiver_that_waits_gets_nothing_once_the_slots_are_closed() -> None:
    slots = Slots(2, gather_s=3600)
    assert slots.take(Kind.POLLS) == 2
    taken: list[int] = []
    receiver = threading.Thread(target=lambda: taken.append(slots.take(Kind.REQUESTS)))
    receiver.start()
    slots.close()
    receiver.join(20)
    assert taken == [0]
    slots.give(Kind.POLLS, 2)
    assert slots.take(Kind.POLLS) == 0
