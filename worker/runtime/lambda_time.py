"""The time of one invocation, and what of it is kept for what.

    0                                              -2 s        -0.5 s     the function's timeout
    |── work: no piece begins without its time ──────|── answers ──|── return ──|

Lambda kills a function at its timeout, and then the whole batch comes back, whatever was done. So
the handler is back before, if need be without the work that hangs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

ANSWERS_S: Final = 2.0
"""Kept for handing messages back, and for what follows it."""

RETURN_S: Final = 0.5
"""Kept for the metrics and the way back."""

BEGIN_S: Final = 5.0
"""Time for work that must be left to begin with a message: a read, a write and a call or two."""


class Context(Protocol):
    """What the handlers use of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""


class InvocationTime:
    """How much time is left. A `WorkBudget`: what counts as left there ends before the answers.

    Args:
        remaining_ms: Lambda's own count. It goes by the clock on the wall, so it is right, too,
            for work that was frozen with its environment and goes on in a later invocation: none
            is left.
    """

    def __init__(self, remaining_ms: Callable[[], int]) -> None:
        self._remaining_ms = remaining_ms

    def left_s(self) -> float:
        """Seconds until the function's timeout."""
        return self._remaining_ms() / 1000

    def remaining_s(self) -> float:
        """Seconds left for work; see `WorkBudget.remaining_s`. Never negative."""
        return max(0.0, self.left_s() - ANSWERS_S)

    def for_answers_s(self) -> float:
        """Seconds left until the handler has to return. Never negative."""
        return max(0.0, self.left_s() - RETURN_S)
