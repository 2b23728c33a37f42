"""The container's metrics for CloudWatch: once a minute, and once more when it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from worker.runtime.emf import EmfWriter, Figure

EVERY_S: Final = 60.0


class Emitting:
    """Writes what `figures` gives again and again, from a thread of its own.

    Args:
        figures: What is new since it was last asked.
        writer: Writes it.
        every_s: Seconds between two times.
    """

    def __init__(
        self,
        figures: Callable[[], Iterable[Figure]],
        writer: EmfWriter,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._figures = figures
        self._writer = writer
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begins the first period."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the last period, and returns when it is written."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(self._every_s)
            self._writer.write(self._figures())
