"""When to look again: poll spacing, backoff with full jitter, and how SQS rounds it.

submit                    expected end            pipelines that take longer
  |------- first delay --------|--- later, by age: min … max ---|--------|---
                               ▲ first poll
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

MAX_DELAY_S = 900
"""The longest delay of a sent message (Source: SQS SendMessage, DelaySeconds)."""

MAX_VISIBILITY_S = 43_200
"""The longest visibility timeout, 12 h from first receipt (Source: SQS visibility timeout)."""

_SPACING_BY_AGE = 0.15
"""A pipeline that has run for 60 s is asked every 9 s: the wait is at most 15 % longer."""

_EARLY_S = 0.25
"""SQS counts whole seconds; a poll may come this much early rather than a second late."""

_BACKOFF_BASE_S = 2.0
_BACKOFF_DOUBLINGS = 16
"""2 ** attempt overflows a float at attempt 1,024; beyond this the cap has long been reached."""


@dataclass(frozen=True, slots=True)
class PollBounds:
    """The least and the most seconds between two polls of one job."""

    min_s: float = 1.0
    max_s: float = 30.0


def first_poll_delay_s(expected_s: float | None, bounds: PollBounds) -> int:
    """Whole seconds from submit to the first poll, within `bounds`.

    `expected_s` is what such pipelines usually take; None when none has been seen yet.
    """
    wanted_s = bounds.min_s if expected_s is None else expected_s - _EARLY_S
    return _whole_s(math.ceil(wanted_s), bounds)


def next_poll_delay_s(age_s: float, expected_s: float | None, bounds: PollBounds) -> int:
    """Whole seconds to the next poll of a pipeline that is pending at `age_s` seconds.

    Before the expected end: until then. After it: a share of the age. Always within `bounds`.
    """
    if expected_s is not None and age_s < expected_s - bounds.min_s:
        return _whole_s(math.ceil(expected_s - _EARLY_S - age_s), bounds)
    return _whole_s(math.floor(_SPACING_BY_AGE * max(age_s, 0.0) + 0.5), bounds)


def _whole_s(wanted_s: int, bounds: PollBounds) -> int:
    longest_s = min(MAX_DELAY_S, math.floor(bounds.max_s))
    return max(min(wanted_s, longest_s), min(MAX_DELAY_S, math.ceil(bounds.min_s)), 1)


def backoff_s(failures: int, *, random: Random, cap_s: float = 300.0) -> float:
    """Seconds to wait after that many failures in a row (1 or more): full jitter.

    Uniform between 0 and min(cap, 2 * 2**failures) (Source: "Exponential Backoff And Jitter",
    AWS Architecture Blog), and at least 1 s, since SQS would make 0 "at once".
    """
    doublings = min(max(failures, 0), _BACKOFF_DOUBLINGS)
    return max(1.0, random.uniform(0.0, min(cap_s, _BACKOFF_BASE_S * 2.0**doublings)))


def rest_s(deliveries: int, *, least_s: float, most_s: float, random: Random) -> float:
    """Seconds that a message rests while somebody else is down, after so many deliveries.

    Doubles from `least_s` to `most_s`, give or take a fifth. Not full jitter: every rest is one
    delivery, and after too many of them SQS would give the message up.
    """
    doublings = min(max(deliveries - 1, 0), _BACKOFF_DOUBLINGS)
    return min(most_s, least_s * 2.0**doublings) * random.uniform(0.8, 1.2)
