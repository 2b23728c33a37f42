"""What the end of a call says about Hautech as a whole, rather than about one job."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    NotThereError,
    OutOfFundsError,
    OutputDamagedError,
    OutputUnusableError,
    PipelineLostError,
    SystemicError,
    ThrottledError,
    UnavailableError,
)
from worker.ports.notices import HoldReason


class Finding(Enum):
    """What the end of a call says about Hautech."""

    WORKS = "it did what was asked"
    KNOWS_US = "it answered, and knew who asks"
    ANSWERS = "it answered"
    TROUBLE = "it did not answer, or said that it failed"
    SYSTEMIC = "it refuses all of us"
    NOTHING = "this was about something else"


_FINDINGS: tuple[tuple[tuple[type[Exception], ...], Finding], ...] = (
    ((SystemicError,), Finding.SYSTEMIC),
    ((NotThereError, HautechRefusedError, PipelineLostError), Finding.KNOWS_US),
    ((ThrottledError, OutputDamagedError, OutputUnusableError), Finding.ANSWERS),
    ((UnavailableError, AnswerUnknownError), Finding.TROUBLE),
)


CURES: Mapping[HoldReason, frozenset[Finding]] = {
    HoldReason.HAUTECH_DOWN: frozenset({Finding.WORKS, Finding.KNOWS_US, Finding.ANSWERS}),
    HoldReason.TOKEN_REFUSED: frozenset({Finding.WORKS, Finding.KNOWS_US}),
    HoldReason.MISCONFIGURED: frozenset({Finding.WORKS, Finding.KNOWS_US}),
    HoldReason.OUT_OF_FUNDS: frozenset({Finding.WORKS}),
}
"""What proves that such trouble is over, if the call is one that can (`Circuit._is_cured_by`)."""


def finding_about(kind: type[Exception]) -> Finding:
    """What errors of a class say about Hautech, when one of its calls ended with them."""
    for known, finding in _FINDINGS:
        if issubclass(kind, known):
            return finding
    return Finding.NOTHING


def reason_of(error: Exception | None) -> HoldReason:
    """Why requests are held after an error that refuses all of us."""
    match error:
        case CredentialsRefusedError():
            return HoldReason.TOKEN_REFUSED
        case OutOfFundsError():
            return HoldReason.OUT_OF_FUNDS
        case _:
            return HoldReason.MISCONFIGURED
