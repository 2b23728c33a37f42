"""When to receive next: at once when idle or behind, a moment later when messages trickle in.

A long poll answers as soon as one message is there. At 40 messages a second that makes 40 calls
with one message each; a pause of 250 ms makes 4 calls with 10. An idle worker must not pause,
or the first message after a quiet hour would wait for nothing.
"""

from __future__ import annotations

import math
from typing import Final

from worker.runtime.queues import BATCH

LONGEST_PAUSE_S: Final = 0.25
_MEMORY_S: Final = 1.0


class Gathering:
    """Estimates how fast messages come to one queue. Used by one thread."""

    def __init__(self, *, longest_pause_s: float = LONGEST_PAUSE_S) -> None:
        self._longest_pause_s = longest_pause_s
        self._rate_per_s = 0.0
        self._noted_at_s: float | None = None
        self._was_full = False

    def note(self, messages: int, *, at_s: float) -> None:
        """A receive returned so many messages at `at_s` (monotonic seconds)."""
        self._was_full = messages >= BATCH
        if self._noted_at_s is not None:
            passed_s = max(at_s - self._noted_at_s, 0.001)
            # Weighted by the time it stands for: the estimate forgets within about a second.
            weight = 1.0 - math.exp(-passed_s / _MEMORY_S)
            self._rate_per_s += weight * (messages / passed_s - self._rate_per_s)
        self._noted_at_s = at_s

    def pause_s(self) -> float:
        """Seconds to let messages gather before the next receive; 0 when it would gain nothing."""
        if self._was_full or self._rate_per_s * self._longest_pause_s < 1.0:
            return 0.0
        return min(self._longest_pause_s, BATCH / self._rate_per_s)
