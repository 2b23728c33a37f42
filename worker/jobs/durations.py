"""How long pipelines of a workflow take, told from the last ones that were seen to end. Pure.

0         quick         usual
|───────────|─────────────|──────────────────
  a tenth     half of them
  have ended  have ended
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

REMEMBERED: Final = 64
"""Durations of a workflow that count: the last so many."""

KEPT: Final = timedelta(days=7)
"""What nobody has seen for so long is not believed any more."""

LONGEST_S: Final = 86_400.0
"""No pipeline that takes longer teaches anything."""

_QUICK: Final = 0.1


@dataclass(frozen=True, slots=True)
class Expectation:
    """When a pipeline is likely to end, in seconds from its beginning; `quick_s` is not the greater."""

    usual_s: float
    """Half of them took no longer."""
    quick_s: float = 0.0
    """A tenth of them took no longer; 0 when that is not known."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last durations of one workflow in seconds, oldest first, and when the newest came in."""

    durations_s: tuple[float, ...]
    last_at: datetime

    def expectation(self) -> Expectation:
        """What they say about the next one. There must be one at least."""
        quick_s = sorted(self.durations_s)[int(_QUICK * len(self.durations_s))]
        return Expectation(statistics.median(self.durations_s), quick_s)

    def is_kept(self, at: datetime) -> bool:
        """Whether it is still believed at that time."""
        return at - self.last_at <= KEPT


def is_plausible(duration_s: float) -> bool:
    """Whether a pipeline can have taken so long. Clocks that disagree say less than nothing."""
    return math.isfinite(duration_s) and 0.0 <= duration_s <= LONGEST_S


def joined(older: Seen | None, newer_s: Iterable[float], *, at: datetime) -> Seen:
    """What was seen before, and some more that came in by then."""
    before_s = older.durations_s if older else ()
    return Seen((*before_s, *newer_s)[-REMEMBERED:], max(at, older.last_at) if older else at)


def slowest(expectations: Iterable[Expectation]) -> Expectation | None:
    """When the last of several pipelines that run side by side has ended; None for none of them."""
    known = list(expectations)
    if not known:
        return None
    return Expectation(max(one.usual_s for one in known), max(one.quick_s for one in known))
