"""How many jobs may be in flight at Hautech: as many as they take, until they refuse another run.

Every job in flight has one poll message, so the length of the polls queue is their number, less one for
each open batch: nothing is counted that could drift. It is approximate, a few seconds old, and shared by
all workers.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from threading import Lock
from typing import Final

import structlog

from worker.engine.open_batches import OpenBatches
from worker.engine.telling import text_of
from worker.ports.clock import Clock
from worker.ports.queues import WorkQueue

log = structlog.get_logger(__name__)

COUNT_AGE_S: Final = 5.0
"""How old a count may be; what this process has started since is added."""

_SHARE: Final = 0.8
_FORGET_S: Final = 600.0
_IN_A_ROW: Final = 2
"""One refused run may be a matter of pace; two in a row, while other calls go through, are not."""


@dataclass(frozen=True, slots=True)
class InFlightState:
    """Jobs in flight as last counted, and the limit that holds. None: nobody asked; no limit."""

    counted: int | None
    most: int | None


class InFlight:
    """Limits the jobs in flight; safe to share between threads.

    Args:
        queue: knows how many there are.
        clock: says how old that is.
        random: spreads when those that wait come back.
        most: jobs that are never exceeded by much; None: no such limit.

    Attributes:
        batches: the messages on the queue that are no job's. As jobs they would keep their own rows out.
    """

    def __init__(
        self, queue: WorkQueue, *, clock: Clock, random: random.Random, most: int | None = None
    ) -> None:
        self.batches = OpenBatches(clock)
        self._queue = queue
        self._clock = clock
        self._random = random
        self._most = most
        self._lock = Lock()
        self._asked: float | None = None
        self._asked_at_s = 0.0
        self._refused = 0
        self._counted: int | None = None
        self._counted_at_s = -math.inf
        self._started = 0
        self._is_told = False

    def state(self) -> InFlightState:
        """As things stand; asks nobody."""
        counted = self._counted
        most = self._limit()
        return InFlightState(None if counted is None else counted + self._started, most)

    def room(self) -> int | None:
        """How many jobs more may start now; None: no limit. Asks the queue every few seconds."""
        most = self._limit()
        if most is None:
            return None
        counted = self._count()
        return None if counted is None else max(0, most - counted)

    def known_room(self) -> int | None:
        """As `room`, asking nobody. 1 when the count is old: whoever comes then counts anew."""
        most = self._limit()
        if most is None:
            return None
        with self._lock:
            if self._counted is None or not 0 <= self._age_s() <= 2 * COUNT_AGE_S:
                return 1
            return max(0, most - self._counted - self._started)

    def refresh(self) -> None:
        """Count anew if there is a limit and the count is old. Polls do it: they always come."""
        if self._limit() is not None:
            self._count()

    def wait_s(self) -> float:
        """Seconds after which it is worth asking again."""
        return COUNT_AGE_S * self._random.uniform(1.0, 2.0)

    def started(self) -> None:
        """A run was answered: one job more, and the limit may grow again.

        A job with two runs counts as two until the next count: rather too few than too many.
        """
        with self._lock:
            self._started += 1
            self._refused = 0
            if self._asked is None:
                return
            if self._now_s() - self._asked_at_s > _FORGET_S:
                self._asked = None
            else:
                self._asked += 1.0 / max(1.0, self._asked)

    def refused(self) -> None:
        """A run was answered "slow down", though other calls were not."""
        with self._lock:
            self._refused += 1
            if self._refused < _IN_A_ROW:
                return
            self._refused = 0
        counted = self._count()
        if counted is None:
            return
        with self._lock:
            self._asked = max(1.0, _SHARE * counted)
            self._asked_at_s = self._now_s()
        log.info(
            f"Hautech takes no more runs with {counted} jobs in flight: "
            f"{math.floor(self._asked)} at most from now on",
            action="in_flight_lowered",
        )

    def _limit(self) -> int | None:
        limits = [math.floor(one) for one in (self._asked, self._most) if one is not None]
        return min(limits, default=None)

    def _count(self) -> int | None:
        """Jobs in flight; None when the queue has never told. The lock is not held while asking."""
        with self._lock:
            if 0 <= self._age_s() < COUNT_AGE_S:
                return None if self._counted is None else self._counted + self._started
            # Others go on with the old count meanwhile.
            self._counted_at_s = self._now_s()
            before = self._started
        try:
            counted = max(0, self._queue.jobs_in_flight() - self.batches.count())
        except Exception as error:  # noqa: BLE001 -- a limit is a courtesy; no worker stops for it
            if not self._is_told:
                self._is_told = True
                log.warning(
                    f"the limit of jobs in flight goes by an old count: {text_of(error)}",
                    action="in_flight_unknown",
                )
        else:
            with self._lock:
                self._is_told = False
                self._counted = counted
                self._started -= before
        counted_before = self._counted
        return None if counted_before is None else counted_before + self._started

    def _age_s(self) -> float:
        """Since the last count. Less than 0 once the clock was ahead then: such a count is old, too."""
        return self._now_s() - self._counted_at_s

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
