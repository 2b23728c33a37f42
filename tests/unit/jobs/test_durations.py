"""What the durations of some pipelines say about the next one."""

import math

import pytest

from tests.builders import NOON, at
from worker.jobs.durations import REMEMBERED, Expectation, Seen, is_plausible, joined, slowest


def test_one_stray_duration_changes_little() -> None:
    calm = [60.0] * 30
    assert Seen((*calm, 900.0, 0.1), NOON).expectation() == Expectation(60.0, 60.0)


def test_a_tenth_is_quick_and_half_are_usual() -> None:
    seen = Seen(tuple(float(n) for n in range(64)), NOON)
    assert seen.expectation() == Expectation(31.5, 6.0)


def test_a_single_duration_is_quick_and_usual() -> None:
    assert Seen((5.0,), NOON).expectation() == Expectation(5.0, 5.0)


def test_the_newest_are_remembered() -> None:
    seen = joined(Seen((1.0,) * REMEMBERED, NOON), [2.0] * (REMEMBERED - 1), at=at(9))
    assert seen == Seen((1.0, *(2.0,) * (REMEMBERED - 1)), at(9))


def test_what_comes_late_is_not_older_than_what_was_there() -> None:
    assert joined(Seen((1.0,), at(9)), [2.0], at=NOON).last_at == at(9)


def test_pipelines_side_by_side_have_ended_when_the_slowest_has() -> None:
    assert slowest([Expectation(60.0, 5.0), Expectation(30.0, 20.0)]) == Expectation(60.0, 20.0)
    assert slowest([]) is None


@pytest.mark.parametrize("duration_s", [-0.1, math.nan, math.inf, 86_401.0])
def test_no_pipeline_takes_that_long(duration_s: float) -> None:
    assert not is_plausible(duration_s)
