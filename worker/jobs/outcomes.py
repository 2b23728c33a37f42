"""What the engine answers a driver: the one thing to do with the message that it was given.

There is no "dead-letter" here: the engine sends dead letters itself, between publishing the
event and saving the record, so that their order is kept in one place for every driver.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """Delete the message: whatever it asked for is durable elsewhere."""


@dataclass(frozen=True, slots=True)
class PollAgain:
    """The pipelines are pending: hand the same message back for `after_s` seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Not now: hand the same message back for `after_s` seconds. `because` is for the log."""

    after_s: float
    because: str
    is_held_back: bool = False
    """Nothing is wrong: its turn has not come, by a choice of our own."""


Outcome = Done | PollAgain | RetryLater
