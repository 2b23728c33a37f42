"""The machine's own clock, which never goes back while the process runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """The Clock port in production. Safe to share between threads.

    A worker judges its own lease by it. One that slept while its machine's clock was set back would
    take a lease that is over for valid. So a clock that is set forward is followed, and one that is
    set back is not: time goes on from where it was, as fast as the machine counts seconds, sleep
    included where the system tells (`CLOCK_BOOTTIME` of Linux).

    Args:
        wall: The machine's clock, seconds since 1970; it may be set at any moment.
        steady: Counts seconds and is never set.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        self._wall = wall
        self._steady = steady or _seconds_since_boot
        self._lock = threading.Lock()
        self._began_at_s = wall() - self._steady()

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        with self._lock:
            steady_s = self._steady()
            self._began_at_s = max(self._began_at_s, self._wall() - steady_s)
            return datetime.fromtimestamp(self._began_at_s + steady_s, UTC)


def _seconds_since_boot() -> float:
    return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
