"""Outcome -> what to do with the message: delete it, or hide it for so many seconds. Pure.

Shared by all drivers. A driver that is told nothing (a handler that died) does nothing: the
message comes back by itself when its visibility timeout is over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from worker.jobs.outcomes import Done, Outcome, PollAgain, RetryLater
from worker.jobs.pacing import MAX_VISIBILITY_S


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the message."""


@dataclass(frozen=True, slots=True)
class ChangeVisibility:
    """Hide the message for `seconds` more, counted from now; 0 makes it visible at once."""

    seconds: int


QueueVerb = Delete | ChangeVisibility

GIVE_BACK: Final = ChangeVisibility(0)
"""For a message that nobody has begun to work on, when the process stops."""


def verb_for(outcome: Outcome, *, held_s: float) -> QueueVerb:
    """The verb for an outcome of the engine.

    Args:
        outcome: The engine's answer.
        held_s: Seconds since the message was received. SQS hides a message for 12 h in all after
            one receive and refuses to go beyond (Source: SQS visibility timeout), so a longer
            wait ends earlier.
    """
    match outcome:
        case Done():
            return Delete()
        case PollAgain(after_s) | RetryLater(after_s):
            # Rounded up: a second too late is cheaper than a round trip for "not yet".
            return ChangeVisibility(min(max(0, math.ceil(after_s)), longest_s(held_s)))


def longest_s(held_s: float) -> int:
    """The longest visibility timeout (whole seconds) that SQS still grants after `held_s`."""
    # A minute less, since the clock of SQS began before ours did.
    return max(0, MAX_VISIBILITY_S - 60 - math.ceil(max(held_s, 0.0)))
