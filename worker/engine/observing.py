"""The observer of those who count nothing."""

from __future__ import annotations

from worker.jobs.outcomes import Outcome
from worker.ports import DropReason, MessageKind


class NoObserver:
    """The Observer port, doing nothing."""

    def called(self, call: str, error: Exception | None) -> None:
        """See `Observer.called`."""

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """See `Observer.handled`."""

    def job_over(self, status: str, error_code: str | None) -> None:
        """See `Observer.job_over`."""

    def refused(self, error_code: str) -> None:
        """See `Observer.refused`."""

    def poll_dropped(self, reason: DropReason) -> None:
        """See `Observer.poll_dropped`."""
