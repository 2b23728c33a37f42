"""What the engine did since somebody last asked, for figures of a period: the Observer port again.

`Tally` counts for as long as the process lives, as Prometheus wants it; CloudWatch wants what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from threading import Lock

from worker.jobs.outcomes import Outcome
from worker.ports.observer import DropReason
from worker.ports.queues import MessageKind


@dataclass(slots=True, kw_only=True)
class Period:
    """What happened in a period; times in seconds."""

    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    calls: int = 0
    failed_calls: int = 0
    credits: Decimal = Decimal(0)
    """Of the pipelines whose end was seen, as far as Hautech says it."""
    jobs_s: list[float] = field(default_factory=list)
    """How long each job took that ended."""
    pipelines_s: list[float] = field(default_factory=list)
    """How long each pipeline took that ended."""


class PeriodTally:
    """Counts into the present period; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._period = Period()

    def take(self) -> Period:
        """What happened since the last `take`. Nobody else changes it any more."""
        with self._lock:
            taken, self._period = self._period, Period()
        return taken

    def called(self, call: str, error: Exception | None) -> None:
        """See `Observer.called`."""
        del call
        with self._lock:
            self._period.calls += 1
            self._period.failed_calls += error is not None

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """See `Observer.handled`. Receives and deletes are figures of SQS."""

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """See `Observer.job_over`."""
        del error_code
        with self._lock:
            if status == "succeeded":
                self._period.succeeded += 1
            else:
                self._period.failed += 1
            self._period.jobs_s.append(took_s)

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """See `Observer.pipeline_over`."""
        spent = _amount(credits_used)
        with self._lock:
            self._period.credits += spent
            if took_s is not None:
                self._period.pipelines_s.append(took_s)

    def refused(self, error_code: str) -> None:
        """See `Observer.refused`."""
        del error_code
        with self._lock:
            self._period.refused += 1

    def poll_dropped(self, reason: DropReason) -> None:
        """See `Observer.poll_dropped`. No figure of CloudWatch's."""


def _amount(text: str | None) -> Decimal:
    """An amount of theirs; one that cannot be read, or added up, counts nothing."""
    try:
        amount = Decimal(text or 0)
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() else Decimal(0)
