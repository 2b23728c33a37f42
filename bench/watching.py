"""Watches one process from outside: the CPU time it used, the most memory and threads it had."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

SAMPLE_EVERY_S = 0.05


class ProcessWatch:
    """Samples a process until the `with` block ends.

    A peak shorter than `SAMPLE_EVERY_S` may go unseen. Raises psutil.NoSuchProcess when there is
    no such process.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._peak_rss_bytes = 0
        self._peak_threads = 0
        self._thread = threading.Thread(target=self._run, name=f"watch-{pid}", daemon=True)

    def __enter__(self) -> Self:
        """Begins to sample."""
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the sampling."""
        self._ended.set()
        self._thread.join()

    def cpu_s(self) -> float:
        """User and system time of the process itself since it began, without its children's."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss_bytes(self) -> int:
        """Resident memory now."""
        return int(self._process.memory_info().rss)

    def peaks(self) -> tuple[int, int]:
        """Most resident bytes and most threads seen since the start."""
        self._sample()
        with self._lock:
            return self._peak_rss_bytes, self._peak_threads

    def _sample(self) -> None:
        with self._process.oneshot():
            rss_bytes, threads = self._process.memory_info().rss, self._process.num_threads()
        with self._lock:
            self._peak_rss_bytes = max(self._peak_rss_bytes, rss_bytes)
            self._peak_threads = max(self._peak_threads, threads)

    def _run(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY_S):
            try:
                self._sample()
            except psutil.NoSuchProcess:
                return
