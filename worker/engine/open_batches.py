"""Which batches this process lately saw to be open: each has one message among those of jobs in flight.

Their number is in no attribute of the queue, and to ask the job table for it would take a right that the
requests function has no other use for. A batch that a process has not met counts as a job there: rather too
few start than too many.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from worker.ports.clock import Clock

SEEN_S: Final = 600.0
"""So long a batch counts as open after it was seen. Its message comes at least once a minute, though
not to the same process each time."""


class OpenBatches:
    """Safe to share between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._seen_at_s: dict[str, float] = {}

    def saw(self, batch_id: str) -> None:
        """A follow message of the batch was handed back, or a request came that is one of its rows."""
        with self._lock:
            self._seen_at_s[batch_id] = self._now_s()

    def ended(self, batch_id: str) -> None:
        """No message of the batch is on the polls queue any more."""
        with self._lock:
            self._seen_at_s.pop(batch_id, None)

    def count(self) -> int:
        """How many there are."""
        with self._lock:
            oldest_s = self._now_s() - SEEN_S
            self._seen_at_s = {
                batch_id: at_s for batch_id, at_s in self._seen_at_s.items() if at_s > oldest_s
            }
            return len(self._seen_at_s)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
