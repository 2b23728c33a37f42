"""Poll spacing and backoff stay within their bounds, at the first attempt and at the 5,000th."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.jobs.durations import Expectation
from worker.jobs.pacing import (
    MAX_DELAY_S,
    PollBounds,
    backoff_s,
    first_poll_delay_s,
    next_poll_delay_s,
)

BOUNDS = PollBounds(min_s=1, max_s=30)


def test_an_unknown_workflow_is_asked_soon() -> None:
    assert first_poll_delay_s(None, BOUNDS) == 1


@pytest.mark.parametrize(("expected_s", "delay_s"), [(5.0, 5), (5.2, 5), (5.3, 6), (0.01, 1)])
def test_the_first_poll_comes_when_the_answer_is_likely(expected_s: float, delay_s: int) -> None:
    assert first_poll_delay_s(Expectation(expected_s), BOUNDS) == delay_s


def test_a_poll_before_the_expected_end_waits_for_it() -> None:
    assert next_poll_delay_s(2.0, Expectation(12.0), BOUNDS) == 10


def test_after_the_expected_end_the_wait_grows_with_age() -> None:
    delays_s = [next_poll_delay_s(age_s, Expectation(5.0), BOUNDS) for age_s in (5, 20, 60, 600)]
    assert delays_s == [1, 3, 9, 30]


@pytest.mark.parametrize(
    ("usual_s", "quick_s", "delay_s"),
    [
        (60.0, 0.0, 30),
        (60.0, 20.0, 50),
        (60.0, 58.0, 60),
        (300.0, 290.0, 300),
        (5_000.0, 4_990.0, 900),
    ],
)
def test_a_quick_pipeline_waits_for_its_first_poll_no_longer_than_the_most(
    usual_s: float, quick_s: float, delay_s: int
) -> None:
    assert first_poll_delay_s(Expectation(usual_s, quick_s), BOUNDS) == delay_s


def test_what_the_first_poll_could_not_wait_for_the_next_one_does() -> None:
    expected = Expectation(90.0, 20.0)
    assert first_poll_delay_s(expected, BOUNDS) == 50
    assert next_poll_delay_s(50.0, expected, BOUNDS) == 30
    assert next_poll_delay_s(80.0, expected, BOUNDS) == 10


@given(
    st.floats(-1e6, 1e9),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1),
    st.floats(0, 120),
    st.floats(1, 5_000),
)
def test_delays_are_whole_seconds_that_sqs_takes(
    age_s: float, usual_s: float | None, quick: float, min_s: float, max_s: float
) -> None:
    bounds = PollBounds(min_s=min(min_s, max_s), max_s=max_s)
    expected = None if usual_s is None else Expectation(usual_s, quick * usual_s)
    most_s = max_s + (expected.quick_s if expected else 0.0)
    for delay_s in (
        first_poll_delay_s(expected, bounds),
        next_poll_delay_s(age_s, expected, bounds),
    ):
        assert isinstance(delay_s, int)
        assert delay_s >= min(MAX_DELAY_S, bounds.min_s)
        assert 1 <= delay_s <= min(MAX_DELAY_S, max(1, math.ceil(bounds.min_s), most_s))


@pytest.mark.parametrize("failures", [0, 1, 5, 5_000, 10**9])
def test_backoff_is_jittered_within_its_cap(failures: int) -> None:
    draws = [backoff_s(failures, random=random.Random(seed), cap_s=300) for seed in range(200)]
    assert all(1.0 <= draw <= 300.0 for draw in draws)
    assert max(draws) <= max(1.0, 2.0 * 2.0 ** min(failures, 16))


def test_backoff_uses_the_whole_range() -> None:
    draws = [backoff_s(6, random=random.Random(seed), cap_s=1_000) for seed in range(500)]
    assert min(draws) < 10
    assert max(draws) > 118
