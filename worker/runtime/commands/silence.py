"""Says what is waited for while nothing moves: after half a minute, then less and less often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from worker.ports.clock import Clock
from worker.runtime.commands.following import Line
from worker.runtime.commands.wording import count, duration

FIRST_S: Final = 30.0
MOST_S: Final = 300.0
"""Between two remarks, at the end; each is made after twice the time of the one before."""

_NAMED: Final = 3
"""Jobs that are told of; the others are counted."""


@dataclass(slots=True)
class Silence:
    """The time since something was last told about the jobs that are followed."""

    clock: Clock
    _began: datetime = field(init=False)
    _since: datetime = field(init=False)
    _pause_s: float = field(init=False, default=FIRST_S)
    _remark_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock.now()
        self.broken()

    def broken(self) -> None:
        """There are news: the time begins anew."""
        self._since = self.clock.now()
        self._pause_s = FIRST_S
        self._remark_at = self._since + timedelta(seconds=FIRST_S)

    @property
    def lasted_s(self) -> float:
        """How long there have been no news."""
        return (self.clock.now() - self._since).total_seconds()

    def remark(self, lines: Sequence[Line]) -> str | None:
        """What the open ones of these jobs wait for, if it is time to say so."""
        now = self.clock.now()
        waiting = [line for line in lines if line.progress.result == "open"]
        if now < self._remark_at or not waiting:
            return None
        self._pause_s = min(MOST_S, self._pause_s * 2)
        self._remark_at = now + timedelta(seconds=self._pause_s)
        told = [self._told(line, now) for line in waiting[:_NAMED]]
        if len(waiting) > _NAMED:
            told.append(f"and {count(len(waiting) - _NAMED, 'more job')}")
        return f"nothing new for {duration(self.lasted_s)}; waiting for {'; '.join(told)}"

    def _told(self, line: Line, now: datetime) -> str:
        since = line.job.accepted_at if line.job else self._began
        state = line.job.state.value if line.job else "queued"
        age = duration((now - since).total_seconds())
        return f"{line.request_id} ({state} for {age} in all: {line.progress.doing})"
