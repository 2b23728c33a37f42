"""How long pipelines of each workflow take, learned from those that this process has seen.

What is learned lives in the process: it only decides when to look, so losing it costs a few
polls and never a result.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable
from threading import Lock

_REMEMBERED = 64


class Durations:
    """The median of the last 64 durations of each workflow; safe to share between threads."""

    def __init__(self) -> None:
        self._seen_s: dict[str, deque[float]] = {}
        self._median_s: dict[str, float] = {}
        self._lock = Lock()

    def observe(self, workflow_id: str, duration_s: float) -> None:
        """One pipeline of that workflow took so many seconds. Negative values are ignored:
        they come from clocks that disagree.
        """
        if duration_s < 0:
            return
        with self._lock:
            seen_s = self._seen_s.setdefault(workflow_id, deque(maxlen=_REMEMBERED))
            seen_s.append(duration_s)
            self._median_s[workflow_id] = statistics.median(seen_s)

    def expected_s(self, workflow_ids: Iterable[str]) -> float | None:
        """When the slowest of these pipelines usually ends, in seconds; None if none was seen."""
        known = [self._median_s[one] for one in workflow_ids if one in self._median_s]
        return max(known, default=None)
