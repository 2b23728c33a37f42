"""The machine's own clock, which never goes back while the process runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """The Clock port in production.

    A worker judges its own lease by it. One that slept while its machine's clock was set back would
    take a lease that is over for valid, so time passes at least as fast as the machine counts seconds:
    sleep of the machine included, where the system tells (`CLOCK_BOOTTIME` of Linux).

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
        self._booted_at_s = wall() - self._steady()

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        return datetime.fromtimestamp(max(self._wall(), self._booted_at_s + self._steady()), UTC)


def _seconds_since_boot() -> float:
    return time.clock_gettime(_STEADY)


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
