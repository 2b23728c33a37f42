"""The world's time, which can be skipped, and a worker's clock, which may be off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class WorldTime:
    """What time it is at AWS and at Hautech: real time, and what the rig has skipped."""

    def __init__(self) -> None:
        self._skipped = timedelta()

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        return datetime.now(UTC) + self._skipped

    def skip(self, seconds: float) -> None:
        """Lets time pass that nobody needs to wait for."""
        self._skipped += timedelta(seconds=seconds)


class WorkerClock:
    """The Clock port of one machine, off by `skew_s` seconds."""

    def __init__(self, world: WorldTime) -> None:
        self._world = world
        self.skew_s = 0.0

    def now(self) -> datetime:
        """The present moment by this machine (aware UTC)."""
        return self._world.now() + timedelta(seconds=self.skew_s)
