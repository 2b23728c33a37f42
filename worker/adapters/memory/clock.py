"""Time that stands still until it is told to move on."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

START = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
"""Where a clock stands at first: the worker's own clock never plays a part in a test."""


class ManualClock:
    """The Clock port, moved by hand."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Moves on by that many seconds and returns the new present."""
        self._now += timedelta(seconds=seconds)
        return self._now

    def advance_to(self, moment: datetime) -> None:
        """Moves on to a moment; nothing if it has passed."""
        self._now = max(self._now, moment)


class ManualBudget:
    """The WorkBudget port: `left_s` is whatever it was set to, `math.inf` at first."""

    def __init__(self, left_s: float = math.inf) -> None:
        self.left_s = left_s

    def remaining_s(self) -> float:
        """Seconds left."""
        return self.left_s
