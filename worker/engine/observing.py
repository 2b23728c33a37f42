"""Observers of no use but to fit in: for those who count nothing, and for those who count twice."""

from __future__ import annotations

from worker.jobs.outcomes import Outcome
from worker.ports.observer import DropReason, Observer
from worker.ports.queues import MessageKind


class NoObserver:
    """The Observer port, doing nothing."""

    def called(self, call: str, error: Exception | None) -> None:
        """See `Observer.called`."""

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """See `Observer.handled`."""

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """See `Observer.job_over`."""

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """See `Observer.pipeline_over`."""

    def refused(self, error_code: str) -> None:
        """See `Observer.refused`."""

    def poll_dropped(self, reason: DropReason) -> None:
        """See `Observer.poll_dropped`."""


class Observers:
    """The Observer port, telling several."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def called(self, call: str, error: Exception | None) -> None:
        """See `Observer.called`."""
        for one in self._observers:
            one.called(call, error)

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """See `Observer.handled`."""
        for one in self._observers:
            one.handled(kind, outcome)

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """See `Observer.job_over`."""
        for one in self._observers:
            one.job_over(status, error_code, took_s)

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """See `Observer.pipeline_over`."""
        for one in self._observers:
            one.pipeline_over(took_s, credits_used)

    def refused(self, error_code: str) -> None:
        """See `Observer.refused`."""
        for one in self._observers:
            one.refused(error_code)

    def poll_dropped(self, reason: DropReason) -> None:
        """See `Observer.poll_dropped`."""
        for one in self._observers:
            one.poll_dropped(reason)
