"""Counts what the engine does, for whoever asks: the Observer port as a few numbers in memory."""

from __future__ import annotations

from collections import Counter
from threading import Lock

from worker.jobs.outcomes import Done, Outcome, PollAgain
from worker.ports.observer import DropReason
from worker.ports.queues import MessageKind


class Tally:
    """Counters by label values; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls: Counter[tuple[str, ...]] = Counter()
        self._handled: Counter[tuple[str, ...]] = Counter()
        self._over: Counter[tuple[str, ...]] = Counter()
        self._refused: Counter[tuple[str, ...]] = Counter()
        self._dropped: Counter[tuple[str, ...]] = Counter()

    def called(self, call: str, error: Exception | None) -> None:
        """See `Observer.called`."""
        with self._lock:
            self._calls[call, "ok" if error is None else type(error).__name__] += 1

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """See `Observer.handled`."""
        match outcome:
            case Done():
                word = "done"
            case PollAgain():
                word = "poll_again"
            case _:
                word = "retry_later"
        with self._lock:
            self._handled[kind, word] += 1

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """See `Observer.job_over`. Times are in the result events."""
        del took_s
        with self._lock:
            self._over[status, error_code or ""] += 1

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """See `Observer.pipeline_over`. Credits are in the result events."""

    def refused(self, error_code: str) -> None:
        """See `Observer.refused`."""
        with self._lock:
            self._refused[error_code,] += 1

    def poll_dropped(self, reason: DropReason) -> None:
        """See `Observer.poll_dropped`."""
        with self._lock:
            self._dropped[reason,] += 1

    def calls(self) -> dict[tuple[str, ...], int]:
        """Calls to Hautech by (call, "ok" or class of the error)."""
        with self._lock:
            return dict(self._calls)

    def messages(self) -> dict[tuple[str, ...], int]:
        """Messages by (queue, outcome)."""
        with self._lock:
            return dict(self._handled)

    def jobs(self) -> dict[tuple[str, ...], int]:
        """Jobs that are over by (status, error code or "")."""
        with self._lock:
            return dict(self._over)

    def refusals(self) -> dict[tuple[str, ...], int]:
        """Requests that became no job by error code."""
        with self._lock:
            return dict(self._refused)

    def drops(self) -> dict[tuple[str, ...], int]:
        """Poll messages that no job waited for by reason."""
        with self._lock:
            return dict(self._dropped)
