"""AWS's time: workers whose clocks differ agree, and a clock that may be right is left alone."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from worker.adapters.memory import ManualClock
from worker.adapters.server_clock import ServerClock, parse_date


class Machine:
    """A machine whose clock is `off_s` seconds ahead of AWS's."""

    def __init__(self, true: ManualClock, off_s: float) -> None:
        self.true = true
        self.off_s = off_s
        self.clock = ServerClock(self)

    def now(self) -> datetime:
        return self.true.now() + timedelta(seconds=self.off_s)

    def call(self, took_s: float = 0.02, *, server_after_s: float | None = None) -> None:
        """An AWS call that takes so long, and whose answer is dated so long after the question."""
        asked_at = self.clock.local_now()
        dated_s = took_s if server_after_s is None else server_after_s
        date = (self.true.now() + timedelta(seconds=dated_s)).replace(microsecond=0)
        self.true.advance(took_s)
        self.clock.heard(date, asked_at=asked_at)

    @property
    def error_s(self) -> float:
        return (self.clock.now() - self.true.now()).total_seconds()


@pytest.fixture
def true() -> ManualClock:
    return ManualClock(datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC))


@pytest.mark.parametrize("off_s", [600.0, -600.0, 7.25, -90_000.0])
def test_a_clock_that_is_off_is_right_to_a_second_after_one_answer(
    true: ManualClock, off_s: float
) -> None:
    machine = Machine(true, off_s)
    machine.call()
    assert abs(machine.error_s) <= 1.0


def test_more_answers_make_it_finer(true: ManualClock) -> None:
    machine = Machine(true, 600.0)
    for _ in range(40):
        machine.call()
        true.advance(0.317)
    assert abs(machine.error_s) < 0.15


def test_a_long_poll_that_was_answered_at_its_end_misleads_by_no_more_than_a_second(
    true: ManualClock,
) -> None:
    machine = Machine(true, -600.0)
    machine.call(took_s=20.0)
    assert abs(machine.error_s) <= 1.0


def test_an_answer_that_was_dated_early_and_came_late_is_corrected_by_the_next(
    true: ManualClock,
) -> None:
    machine = Machine(true, 600.0)
    machine.call(took_s=9.0, server_after_s=0.0)
    machine.call()
    assert abs(machine.error_s) <= 1.0


@pytest.mark.parametrize("off_s", [0.0, 0.2])
def test_a_clock_that_may_be_right_is_believed_to_the_microsecond(
    true: ManualClock, off_s: float
) -> None:
    machine = Machine(true, off_s)
    machine.call(took_s=0.9)
    assert machine.clock.offset_s == 0.0


def test_a_clock_that_is_set_while_we_run_is_noticed(true: ManualClock) -> None:
    machine = Machine(true, 600.0)
    machine.call()
    machine.off_s = -3.0
    machine.call()
    machine.call()
    assert abs(machine.error_s) <= 1.0


def test_one_answer_that_contradicts_all_others_moves_nothing(true: ManualClock) -> None:
    machine = Machine(true, 0.0)
    for _ in range(3):
        machine.call()
        machine.call(server_after_s=3600.0)
    assert machine.clock.offset_s == 0.0


def test_two_odd_answers_that_contradict_each_other_move_nothing(true: ManualClock) -> None:
    machine = Machine(true, 0.0)
    machine.call()
    machine.call(server_after_s=3600.0)
    machine.call(server_after_s=7200.0)
    assert machine.clock.offset_s == 0.0


def test_a_wrong_first_answer_is_put_right_by_the_next_two(true: ManualClock) -> None:
    machine = Machine(true, 0.0)
    machine.call(server_after_s=3600.0)
    machine.call()
    machine.call()
    assert machine.clock.offset_s == 0.0


def test_a_clock_that_is_set_back_during_a_call_says_nothing(true: ManualClock) -> None:
    machine = Machine(true, 0.0)
    asked_at = machine.clock.local_now()
    machine.off_s = -60.0
    machine.clock.heard(true.now().replace(microsecond=0), asked_at=asked_at)
    assert machine.clock.offset_s == 0.0


def test_two_workers_twenty_minutes_apart_agree_when_a_lease_is_over(true: ManualClock) -> None:
    ahead, behind = Machine(true, 600.0), Machine(true, -600.0)
    for machine in (ahead, behind, ahead, behind):
        machine.call()
    assert abs((ahead.clock.now() - behind.clock.now()).total_seconds()) <= 1.0


def test_people_are_told_once_about_a_clock_that_is_minutes_off(true: ManualClock) -> None:
    machine = Machine(true, 600.0)
    with capture_logs() as lines:
        for _ in range(5):
            machine.call()
            true.advance(1)
    assert [line["action"] for line in lines] == ["clock_corrected"]
    assert "+600 s off" in lines[0]["event"] or "+599 s off" in lines[0]["event"]


@pytest.mark.parametrize("header", [None, "", "yesterday", "Wed, 99 Nov 2026 07:28:00 GMT"])
def test_what_is_no_date_says_nothing(header: str | None) -> None:
    assert parse_date(header) is None


def test_a_date_header_is_a_moment() -> None:
    assert parse_date("Thu, 26 Nov 2026 07:28:00 GMT") == datetime(2026, 11, 26, 7, 28, tzinfo=UTC)
