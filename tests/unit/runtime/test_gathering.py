import pytest

from worker.runtime.gathering import Gathering


def receive_at_rate(gathering: Gathering, *, per_s: float, each: int, for_s: float) -> None:
    interval_s = each / per_s
    at_s = 0.0
    while at_s < for_s:
        at_s += interval_s
        gathering.note(each, at_s=at_s)


def test_an_idle_queue_is_asked_again_at_once() -> None:
    gathering = Gathering()
    gathering.note(0, at_s=0)
    gathering.note(0, at_s=20)
    gathering.note(1, at_s=35)
    assert gathering.pause_s() == 0


def test_a_backlog_is_received_without_pauses() -> None:
    gathering = Gathering()
    receive_at_rate(gathering, per_s=200, each=10, for_s=3)
    assert gathering.pause_s() == 0


def test_messages_that_trickle_in_are_left_to_gather() -> None:
    gathering = Gathering(longest_pause_s=0.15)
    receive_at_rate(gathering, per_s=40, each=1, for_s=5)
    assert gathering.pause_s() == pytest.approx(0.15)


def test_fast_messages_gather_only_as_long_as_a_batch_takes() -> None:
    gathering = Gathering(longest_pause_s=0.15)
    receive_at_rate(gathering, per_s=100, each=5, for_s=5)
    assert gathering.pause_s() == pytest.approx(0.1, rel=0.1)


def test_a_quiet_time_is_soon_forgotten_as_is_a_busy_one() -> None:
    gathering = Gathering()
    receive_at_rate(gathering, per_s=40, each=1, for_s=5)
    gathering.note(1, at_s=25)
    assert gathering.pause_s() == 0


def test_two_receives_in_one_instant_are_no_infinite_rate() -> None:
    gathering = Gathering(longest_pause_s=0.15)
    gathering.note(1, at_s=1)
    gathering.note(1, at_s=1)
    assert 0 <= gathering.pause_s() <= 0.15
