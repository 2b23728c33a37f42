"""When to look again: poll spacing, backoff with full jitter, and how SQS rounds it.

submit                    usual end               pipelines that take longer
  |------- first delay --------|--- later, by age: min … max ---|--------|---
         ┊                     ▲ first poll, at most `max` after the
         quick end               earliest that one is worth it
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from worker.jobs.durations import Expectation

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
    """The least and the most seconds between two polls of one job.

    A poll that is known to be in vain is none: until the quick pipelines of a workflow end, a job
    may wait for longer.
    """

    min_s: float = 1.0
    max_s: float = 30.0


def first_poll_delay_s(expected: Expectation | None, bounds: PollBounds) -> int:
    """Whole seconds from submit to the first poll; see `next_poll_delay_s`.

    `expected` is what such pipelines usually take; None when none has been seen yet.
    """
    if expected is None:
        return _whole_s(math.ceil(bounds.min_s), bounds.min_s, bounds.max_s)
    return _until_likely_s(0.0, expected, bounds)


def next_poll_delay_s(age_s: float, expected: Expectation | None, bounds: PollBounds) -> int:
    """Whole seconds to the next poll of a pipeline that is pending at `age_s` seconds.

    Before the usual end: until then, but a pipeline that ends as soon as the quick ones do waits
    for its poll no longer than `bounds.max_s`. After it: a share of the age, within `bounds`.
    """
    if expected is not None and age_s < expected.usual_s - bounds.min_s:
        return _until_likely_s(age_s, expected, bounds)
    wanted_s = math.floor(_SPACING_BY_AGE * max(age_s, 0.0) + 0.5)
    return _whole_s(wanted_s, bounds.min_s, bounds.max_s)


def _until_likely_s(age_s: float, expected: Expectation, bounds: PollBounds) -> int:
    longest_s = bounds.max_s + max(0.0, expected.quick_s - max(age_s, 0.0))
    return _whole_s(math.ceil(expected.usual_s - _EARLY_S - age_s), bounds.min_s, longest_s)


def _whole_s(wanted_s: int, least_s: float, most_s: float) -> int:
    longest_s = math.floor(min(MAX_DELAY_S, most_s))
    return max(min(wanted_s, longest_s), min(MAX_DELAY_S, math.ceil(least_s)), 1)


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
