"""Who may work: one slot per message in hand, some of them kept for polls.

    concurrency 32   |<------------ requests may use 22 ------------>|<-- kept for polls: 10 -->|
                     |<----------------------- polls may use all 32 ------------------------->|

A request is new work, a poll follows work that is paid for. With every slot taken by requests
that wait for a slow upload, finished pictures would lie at Hautech uncollected.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from enum import StrEnum

from worker.runtime.queues import BATCH

_REQUESTS_PATIENCE = 3


class Kind(StrEnum):
    """Which queue a message came from."""

    REQUESTS = "requests"
    POLLS = "polls"


class Slots:
    """Counts messages in hand; a receiver takes slots before it asks the queue for messages.

    Args:
        total: Messages in hand at once, at least 2.
        gather_s: How long to wait for more free slots when there are some, but too few for a
            receive to be worth its price. An idle worker never waits.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        total: int,
        *,
        gather_s: float = 0.2,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._gather_s = gather_s
        self._monotonic = monotonic
        # A long poll holds its slots while it waits, so one receiver never gets more than half.
        self._most_at_once = max(1, min(BATCH, total // 2))
        self._most = {Kind.REQUESTS: total - kept_for_polls(total), Kind.POLLS: total}
        self._used = dict.fromkeys(Kind, 0)
        self._is_closed = False
        self._changed = threading.Condition()

    def take(self, kind: Kind, *, most: int = BATCH) -> int:
        """Takes 1 to `most` slots (no more than half of all); waits while there is none.

        Returns 0 when the slots were closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._free(kind) > 0)
            # A quarter of all: no more, or two idle receivers would wait for each other's slots.
            worthwhile = max(1, min(most, BATCH, self._total // 4))
            if self._free(kind) < worthwhile:
                # New work can wait a little longer than work that is paid for.
                patience = _REQUESTS_PATIENCE if kind is Kind.REQUESTS else 1
                until_s = self._monotonic() + self._gather_s * patience
                self._changed.wait_for(
                    lambda: self._is_closed or self._free(kind) >= worthwhile,
                    timeout=max(0.0, until_s - self._monotonic()),
                )
            # What was free a moment ago may be gone to the other receiver.
            self._changed.wait_for(lambda: self._is_closed or self._free(kind) > 0)
            if self._is_closed:
                return 0
            taken = min(most, self._most_at_once, self._free(kind))
            self._used[kind] += taken
            return taken

    def give(self, kind: Kind, count: int = 1) -> None:
        """Gives slots back: messages that are dealt with, or that did not come."""
        if count:
            with self._changed:
                self._used[kind] -= count
                self._changed.notify_all()

    def close(self) -> None:
        """No more slots are given out; those that wait for some get none."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _free(self, kind: Kind) -> int:
        return min(self._most[kind] - self._used[kind], self._total - sum(self._used.values()))


def kept_for_polls(total: int) -> int:
    """Slots that requests may never use: a third, but no more than a full batch, and 1 at least."""
    return max(1, min(BATCH, total // 3))
