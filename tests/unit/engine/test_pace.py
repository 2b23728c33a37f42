"""How fast calls may go, as Hautech answers them."""

import random

import pytest

from worker.adapters.memory import ManualClock
from worker.engine.pace import REQUESTS, SLOWEST_PER_S, Pace


class Rig:
    def __init__(self, most_per_s: float | None = None) -> None:
        self.clock = ManualClock()
        self.pace = Pace(clock=self.clock, random=random.Random(3), most_per_s=most_per_s)

    def send(self, per_s: float, for_s: float) -> int:
        """Looks, so many a second if the pace allows; returns how many were made."""
        made = 0
        for _ in range(round(per_s * for_s)):
            made += self.pace.take("look") == 0
            self.clock.advance(1 / per_s)
        return made

    def throttle(self, advice_s: float | None = None) -> None:
        self.pace.throttled("look", advice_s, begun=self.pace.term)

    def wait(self) -> None:
        """Until the pause is over."""
        self.clock.advance(self.pace.state().pause_s)

    @property
    def limit_per_s(self) -> float:
        limit_per_s = self.pace.state().limit_per_s
        assert limit_per_s is not None
        return limit_per_s


def test_nothing_limits_calls_until_somebody_asks_for_it() -> None:
    rig = Rig()
    assert rig.send(500, 3) == 1500
    assert rig.pace.state().limit_per_s is None


def test_a_429_halves_what_was_sent_lately() -> None:
    rig = Rig()
    rig.send(20, 5)
    rig.throttle()
    assert rig.limit_per_s == pytest.approx(10, rel=0.1)
    rig.wait()
    assert rig.send(20, 20) == pytest.approx(200, rel=0.15)


def test_calls_that_were_under_way_do_not_slow_it_down_again() -> None:
    rig = Rig()
    rig.send(20, 2)
    begun = rig.pace.term
    for _ in range(30):
        rig.pace.throttled("look", None, begun=begun)
    assert rig.limit_per_s == pytest.approx(10, rel=0.1)


def test_the_other_sides_advice_is_waited_for() -> None:
    rig = Rig()
    rig.send(5, 2)
    rig.throttle(advice_s=7)
    assert rig.pace.state().pause_s == pytest.approx(7)
    rig.clock.advance(6.9)
    assert rig.pace.take("look") > 0
    rig.clock.advance(0.1)
    assert rig.pace.take("look") == 0


def test_absurd_advice_is_not_waited_for_for_ever() -> None:
    rig = Rig()
    rig.throttle(advice_s=1e9)
    assert rig.pace.state().pause_s <= 1_100


def test_without_advice_pauses_grow_from_one_429_to_the_next_and_end_with_a_success() -> None:
    rig = Rig()
    pauses = []
    for _ in range(2_000):
        rig.throttle()
        pauses.append(rig.pace.state().pause_s)
        rig.wait()
    assert pauses[0] <= 1.2
    assert pauses[3] >= 8
    assert max(pauses) <= 72
    assert rig.limit_per_s == SLOWEST_PER_S
    rig.pace.answered(begun=rig.pace.term)
    rig.throttle()
    assert rig.pace.state().pause_s <= 1.2


def test_success_makes_it_a_little_faster_and_old_calls_do_not_count() -> None:
    rig = Rig()
    rig.send(20, 2)
    rig.pace.answered(begun=rig.pace.term)
    begun = rig.pace.term
    rig.throttle()
    slow_per_s = rig.limit_per_s
    rig.pace.answered(begun=begun)
    assert rig.limit_per_s == slow_per_s
    for _ in range(25):
        rig.pace.answered(begun=rig.pace.term)
    assert rig.limit_per_s == pytest.approx(2 * slow_per_s, rel=0.05)


def test_a_limit_that_nobody_asked_for_again_is_forgotten() -> None:
    rig = Rig()
    rig.throttle()
    rig.clock.advance(601)
    rig.pace.answered(begun=rig.pace.term)
    assert rig.pace.state().limit_per_s is None


def test_a_limit_that_is_set_is_never_exceeded_nor_forgotten() -> None:
    rig = Rig(most_per_s=10)
    assert rig.send(100, 10) == pytest.approx(110, abs=2)
    rig.throttle()
    assert rig.limit_per_s <= 5
    rig.clock.advance(601)
    rig.pace.answered(begun=rig.pace.term)
    assert rig.limit_per_s == 10


def test_new_work_leaves_a_reserve_for_what_is_paid() -> None:
    rig = Rig(most_per_s=10)
    while rig.pace.take("upload") == 0:
        pass
    assert [rig.pace.take("look") for _ in range(3)] == [0, 0, 0]
    assert rig.pace.take("run") > 0


def test_a_look_goes_before_new_work_whenever_there_is_one_request_to_spare() -> None:
    rig = Rig(most_per_s=2)
    uploads = looks = 0
    for _ in range(1_000):
        uploads += rig.pace.take("upload") == 0
        looks += rig.pace.take("look") == 0
        rig.clock.advance(0.25)
    assert looks == pytest.approx(500, rel=0.02)
    assert uploads <= 2


def test_calls_that_must_wait_are_given_turns_one_after_the_other() -> None:
    rig = Rig(most_per_s=4)
    while rig.pace.take("look") == 0:
        pass
    turns_s = [rig.pace.take("look") for _ in range(40)]
    # Spread over the ten seconds that they need, not all at once.
    assert max(turns_s) == pytest.approx(10, rel=0.1)
    assert sum(turn_s <= 5 for turn_s in turns_s) == pytest.approx(20, abs=2)


def test_nobody_waits_longer_than_a_minute_for_a_turn() -> None:
    rig = Rig(most_per_s=0.5)
    rig.pace.take("upload")
    turns_s = [rig.pace.turn_s("upload") for _ in range(500)]
    assert max(turns_s) <= 67
    assert min(turns_s[100:]) >= 30


def test_asking_takes_nothing() -> None:
    rig = Rig(most_per_s=10)
    for _ in range(100):
        assert rig.pace.wait_s("look") == 0
        assert rig.pace.turn_s("look") == 0
    assert rig.pace.take("look") == 0


def test_calls_without_a_turn_of_their_own_are_owed_and_others_wait_for_it() -> None:
    rig = Rig(most_per_s=10)
    assert rig.pace.take("look") == 0
    for _ in range(39):
        rig.pace.owe("look")
    assert rig.pace.wait_s("look") == pytest.approx(3.1)
    rig.throttle()
    rig.wait()
    # At half the pace, half of it is owed.
    assert rig.pace.wait_s("look") <= 3.2


def test_there_is_room_for_as_many_jobs_as_requests_allow() -> None:
    assert Rig().pace.room(7) > 1_000
    rig = Rig(most_per_s=21)
    assert rig.pace.room(7) == 3
    for _ in range(18):
        rig.pace.take("look")
    assert rig.pace.room(7) == 0


def test_signing_in_is_no_request() -> None:
    assert REQUESTS["sign_in"] == 0
