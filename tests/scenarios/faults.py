"""Makes the n-th outside call of a worker fail: before its effect or after it, once or from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.crash import When
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    OutOfFundsError,
    ThrottledError,
    UnavailableError,
)

PAID_CALL = "hautech.run"

ERRORS: dict[str, Callable[[], Exception]] = {
    "unavailable": lambda: UnavailableError("503: nobody is there"),
    "throttled": lambda: ThrottledError("429: slow down", retry_after_s=7),
    "credentials": lambda: CredentialsRefusedError("401: who are you?"),
    "funds": lambda: OutOfFundsError("402: the balance is used up"),
    "unforeseen": lambda: RuntimeError("a bug"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a call: which error, and whether the call has taken effect by then."""

    kind: str
    moment: When
    forever: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.moment}{' forever' if self.forever else ''}"

    def error_of(self, name: str) -> Exception:
        """The error as the port may raise it.

        After its effect the paid call has one error only, whatever happened: the answer is unknown.
        Every other one would say that nothing was paid.
        """
        if name == PAID_CALL and self.moment == "after" and self.kind != "unforeseen":
            return AnswerUnknownError(f"sent, then: {ERRORS[self.kind]()}")
        return ERRORS[self.kind]()


FAULTS = tuple(Fault(kind, moment) for kind in ERRORS for moment in ("before", "after"))

LASTING_FAULTS = tuple(
    Fault(kind, moment, forever=True)
    for kind in ("unavailable", "credentials", "unforeseen")
    for moment in ("before", "after")
)
"""One of each class: passing, systemic, unknown to the table."""


@dataclass
class Saboteur:
    """Lets one outside call fail; a lasting fault, every later call of that name as well."""

    at: int
    fault: Fault
    calls: list[str] = field(default_factory=list)

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call, or fail before it or after it."""
        self.calls.append(name)
        number = len(self.calls)
        later = self.fault.forever and number > self.at and name == self.calls[self.at - 1]
        if number != self.at and not later:
            return call()
        if self.fault.moment == "after":
            call()
        raise self.fault.error_of(name)
