"""The machine's own clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The Clock port in production."""

    def now(self) -> datetime:
        """The present moment (aware UTC)."""
        return datetime.now(UTC)
