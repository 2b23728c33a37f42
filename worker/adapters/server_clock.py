"""AWS's time, as its answers tell it: workers whose own clocks differ agree about leases.

A lease is written by one worker and judged by another. With clocks that are ten minutes apart the
second would take jobs away from the first while it works on them, or leave them alone for ten
minutes after it died. Both talk to the same DynamoDB, so both can go by its clock:

    our clock    asked ───────────────── heard          AWS's second began somewhere in between,
    AWS's clock        ── Date: 12:00:07 ──             so the difference is known to a second

Each answer narrows the difference down. While our own clock may be right, it is: a clock that is
kept by NTP is finer than a header of whole seconds.

An answer that contradicts what is known changes nothing by itself; the next one that says the same
does. So a clock that was set is noticed with the second answer, and one odd header moves no lease.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import structlog

from worker.ports.clock import Clock

log = structlog.get_logger(__name__)

_SECOND: Final = timedelta(seconds=1)
"""A Date header names the second that has begun (Source: RFC 9110, section 5.6.7)."""

_DRIFT: Final = 0.0005
"""How much two clocks may part, in seconds per second: several times what a bad quartz does."""

_TELL_S: Final = 5.0
"""A difference that people should know of; settle times and lease margins bear less."""


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between which seconds the difference of two clocks is, and since when that is known."""

    low_s: float
    high_s: float
    heard_at: datetime

    def with_older(self, older: _Bounds) -> _Bounds | None:
        """What both say together; None if they contradict each other."""
        slack_s = abs((self.heard_at - older.heard_at).total_seconds()) * _DRIFT
        low_s = max(self.low_s, older.low_s - slack_s)
        high_s = min(self.high_s, older.high_s + slack_s)
        return _Bounds(low_s, high_s, self.heard_at) if low_s <= high_s else None


class ServerClock:
    """The Clock port, corrected by what AWS's answers say. Safe to share between threads.

    Args:
        local: This machine's own clock. It may be wrong, and it may be set while we run.
    """

    def __init__(self, local: Clock) -> None:
        self._local = local
        self._lock = threading.Lock()
        self._known: _Bounds | None = None
        self._doubt: _Bounds | None = None
        self._offset_s = 0.0
        self._told_s = 0.0

    @property
    def offset_s(self) -> float:
        """What is added to the local clock, in seconds; 0 while that may be right."""
        return self._offset_s

    def now(self) -> datetime:
        """The present moment by AWS's clock (aware UTC)."""
        return self._local.now() + timedelta(seconds=self._offset_s)

    def local_now(self) -> datetime:
        """The present moment by the local clock: when a question is asked, for `heard`."""
        return self._local.now()

    def heard(self, date: datetime, *, asked_at: datetime | None = None) -> None:
        """An answer of AWS carried this date.

        Args:
            date: Aware UTC, whole seconds.
            asked_at: When it was asked, by the local clock (`local_now`); None: just now.
        """
        with self._lock:
            heard_at = self._local.now()
            low_s = (date - heard_at).total_seconds()
            high_s = (date + _SECOND - (asked_at or heard_at)).total_seconds()
            if high_s < low_s:
                return  # the local clock was set back while we waited
            self._learn(_Bounds(low_s, high_s, heard_at))

    def _learn(self, new: _Bounds) -> None:
        known = new if self._known is None else new.with_older(self._known)
        if known is None:
            # A clock was set, or something on the way dated this answer.
            known = None if self._doubt is None else new.with_older(self._doubt)
            if known is None:
                self._doubt = new
                return
        self._known, self._doubt = known, None
        # A long poll is answered when it ends, so the lower bound is the sharper one.
        wanted_s = min(known.low_s + 0.5, (known.low_s + known.high_s) / 2)
        self._offset_s = 0.0 if known.low_s <= 0.0 <= known.high_s else wanted_s
        self._tell()

    def _tell(self) -> None:
        if abs(self._offset_s - self._told_s) < _TELL_S:
            return
        self._told_s = self._offset_s
        log.warning(
            f"this machine's clock is {-self._offset_s:+.0f} s off; AWS's time is used instead",
            action="clock_corrected",
            offset_s=round(self._offset_s, 1),
        )


def parse_date(header: str | None) -> datetime | None:
    """The moment in a Date header (aware UTC, whole seconds), or None if there is none."""
    if not header:
        return None
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo is not None else None
