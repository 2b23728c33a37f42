"""What time it is, and how much of it is left for the work in hand."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The present moment (aware UTC)."""


class WorkBudget(Protocol):
    """How much time the process has left for the work in hand: a Lambda deadline, a shutdown."""

    def remaining_s(self) -> float:
        """Seconds left; `math.inf` when nothing limits the work."""
