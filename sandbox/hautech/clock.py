"""The stand-in's own time: a given clock plus what a test has advanced it by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """The machine's time, aware UTC."""
    return datetime.now(UTC)


class SandboxClock:
    """Tells the time that tokens, links and pipelines are judged by."""

    def __init__(self, base: Callable[[], datetime] = utc_now) -> None:
        self._base = base
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The current time, aware UTC."""
        return self._base() + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves the time forward, on top of what the base clock says.

        Raises:
            ValueError: `seconds` is negative; records would get older than their creation.
        """
        if seconds < 0:
            raise ValueError(f"seconds: {seconds}: time only moves forward; give 0 or more")
        self._ahead += timedelta(seconds=seconds)


def rfc3339(at: datetime) -> str:
    """A timestamp as the API writes it: UTC, milliseconds, `Z`."""
    # isoformat is several times faster than strftime, which shows in lists of fifty.
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
