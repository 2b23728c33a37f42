"""The machine's clock may be set; ours never goes back."""

from datetime import UTC, datetime

from worker.adapters.system_clock import SystemClock


class Machine:
    def __init__(self) -> None:
        self.wall_s = 1_000_000.0
        self.steady_s = 50.0

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds

    def clock(self) -> SystemClock:
        return SystemClock(wall=lambda: self.wall_s, steady=lambda: self.steady_s)


def seconds(clock: SystemClock) -> float:
    return clock.now().timestamp()


def test_it_shows_the_time_of_the_machine() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(7)
    assert clock.now() == datetime.fromtimestamp(1_000_007, UTC)


def test_a_machine_whose_clock_is_set_back_does_not_make_time_stand_still() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(10)
    machine.wall_s -= 300
    machine.passes(60)
    assert seconds(clock) == 1_000_070


def test_a_clock_that_is_set_forward_is_followed_and_not_when_it_is_put_right_again() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 300
    assert seconds(clock) == 1_000_300
    machine.wall_s -= 300
    machine.passes(1)
    assert seconds(clock) == 1_000_301


def test_a_machine_that_slept_without_counting_goes_by_its_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 3600
    assert seconds(clock) == 1_003_600


def test_the_real_one_is_close_to_the_clock_of_this_machine() -> None:
    clock = SystemClock()
    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
    assert abs((now - before).total_seconds()) <= (after - before).total_seconds() + 0.01
