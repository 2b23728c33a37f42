"""What an error means for a job: the one table, from the class of the error to the decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from worker.errors import (
    HeldBackError,
    InterruptedWorkError,
    LeaseHeldError,
    LostRaceError,
    PermanentError,
    SystemicError,
    TransientError,
)


class Decision(StrEnum):
    """What to do about an error."""

    FAIL = "fail"
    """Permanent: the job fails with this reason."""
    RETRY = "retry"
    """Transient: an attempt is spent, the message comes back after a backoff."""
    HOLD = "hold"
    """Systemic: no attempt is spent, the message rests until the other side may be back."""
    HOLD_BACK = "hold back"
    """Our own choice not to begin now: no attempt is spent and nothing is told in the record."""
    YIELD = "yield"
    """Another worker was first: no attempt is spent and nothing is written."""
    STOP = "stop"
    """Interrupted: no attempt is spent, the message is visible again at once."""
    RETRY_LOUDLY = "retry loudly"
    """Nobody classified it: as transient, with the traceback in the log."""


_TABLE: tuple[tuple[type[BaseException], Decision], ...] = (
    (PermanentError, Decision.FAIL),
    (TransientError, Decision.RETRY),
    (SystemicError, Decision.HOLD),
    (HeldBackError, Decision.HOLD_BACK),
    (LostRaceError, Decision.YIELD),
    (InterruptedWorkError, Decision.STOP),
)


@dataclass(frozen=True, slots=True)
class Advice:
    """A decision, with the waiting time that the error itself asks for (seconds), if any."""

    decision: Decision
    retry_after_s: float | None = None


def decision_about(kind: type[BaseException]) -> Decision:
    """The decision about all errors of a class. What nobody classified is retried, loudly."""
    for known, decision in _TABLE:
        if issubclass(kind, known):
            return decision
    return Decision.RETRY_LOUDLY


def classify(error: Exception) -> Advice:
    """The decision about an error, and its advice."""
    decision = decision_about(type(error))
    if isinstance(error, TransientError | HeldBackError):
        return Advice(decision, error.retry_after_s)
    return Advice(decision)


def wait_for_lease_s(error: LostRaceError, *, now_s: float) -> float:
    """Seconds until it is worth looking again after a lost race, at least 1.

    `now_s` is the present as a Unix time.
    """
    if isinstance(error, LeaseHeldError):
        return max(1.0, error.until.timestamp() - now_s)
    return 1.0
