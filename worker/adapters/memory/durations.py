"""The duration board in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from threading import Lock

from worker.adapters.duration_text import durations_from_text, durations_to_text
from worker.jobs.durations import Seen
from worker.ports.durations import DurationSheet


class MemoryDurationBoard:
    """The DurationBoard port in memory, safe for threads. `text` is what stands there."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._lock = Lock()

    def read(self) -> DurationSheet:
        """See `DurationBoard.read`."""
        text = self.text
        try:
            seen = {} if text is None else durations_from_text(text)
        except ValueError as error:
            return DurationSheet(seen={}, mark=text, problem=str(error))
        return DurationSheet(seen=seen, mark=text)

    def replace(self, sheet: DurationSheet, seen: Mapping[str, Seen], *, at: datetime) -> bool:
        """See `DurationBoard.replace`. Nothing is forgotten here."""
        del at
        with self._lock:
            if self.text != sheet.mark:
                return False
            self.text = durations_to_text(seen)
        return True
