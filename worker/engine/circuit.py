"""Systemic trouble at Hautech: when to hold new requests, and when to let one through to find out.

                    token refused, account empty, or 5 failures in a row of one kind of call
             ┌──────────────────────────────────────────────────────────────┐
             │                                                              ▼
          closed ◄──────────── a call that proves it over ──────────── open until T
             ▲                                                           │    ▲
             │                                            T, one request │    │ trouble: longer,
             └────────────── the same ──────────────── probing ◄─────────┘    │ 30 s … 5 min
                                                          └───────────────────┘

Paid jobs are followed whatever the state, and what their calls meet counts, too. Each process has a
circuit of its own; people see them through the notice board. Nothing here waits or calls Hautech.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from threading import Lock
from typing import Literal

import structlog

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
    WorkerError,
)
from worker.ports import CircuitNotice, Clock, HoldReason

log = structlog.get_logger(__name__)

HautechCall = Literal["upload", "sign_in", "run", "look", "read", "list", "download"]
"""The kinds of calls, as they are counted: one kind can be down while the others work."""

FAILURES_MOST = 5
"""So many failures in a row of one kind of call mean that Hautech is down, not unlucky."""

OPEN_S = 30.0
OPEN_MAX_S = 300.0
"""How long nothing new is tried at first; it doubles up to the maximum, give or take a fifth."""


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

_CURES = {
    HoldReason.HAUTECH_DOWN: {Finding.WORKS, Finding.KNOWS_US, Finding.ANSWERS},
    HoldReason.TOKEN_REFUSED: {Finding.WORKS, Finding.KNOWS_US},
    HoldReason.MISCONFIGURED: {Finding.WORKS, Finding.KNOWS_US},
    HoldReason.OUT_OF_FUNDS: {Finding.WORKS},
}
"""What proves that such trouble is over, if the call is the one that met it, or the paid call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitState:
    """A circuit at a moment; `reason` None: it is closed."""

    reason: HoldReason | None = None
    since: datetime | None = None
    next_try_at: datetime | None = None
    said: str = ""
    is_probing: bool = False
    """Whether the request that finds out is under way."""


CLOSED = CircuitState()


class Circuit:
    """Watches the calls of one process to Hautech; safe to share between threads.

    Args:
        clock: says when the next try is due.
        random: spreads the tries of several processes.
        tell: hears of each change, outside of the lock.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        random: random.Random,
        tell: Callable[[CircuitNotice], None] = lambda _notice: None,
    ) -> None:
        self._clock = clock
        self._random = random
        self._tell = tell
        self._lock = Lock()
        self._telling = Lock()
        self._told: HoldReason | None = None
        self._failed: dict[HautechCall, int] = {}
        self._state = CLOSED
        self._met_by: HautechCall | None = None
        self._tries = 0
        self._term = 0

    @property
    def term(self) -> int:
        """Counts what made it open or stay open. A call that began in an earlier term says nothing
        about the present one, however well it ends.
        """
        return self._term

    @property
    def state(self) -> CircuitState:
        """How it stands now."""
        return self._state

    def take_probe(self) -> bool:
        """Whether the caller may begin a job although the circuit is open: the only one.

        It must call `end_probe` afterwards, whatever happened.
        """
        with self._lock:
            state = self._state
            is_due = state.next_try_at is not None and state.next_try_at <= self._clock.now()
            if state.is_probing or not is_due:
                return False
            self._change(is_probing=True)
        log.info("one job is let through to find out", action="circuit_probing")
        return True

    def end_probe(self) -> None:
        """The probe is over. If nothing was found out, the next request is one at once."""
        with self._lock:
            if self._state.is_probing:
                self._change(is_probing=False)

    def answered(self, call: HautechCall, *, begun: int | None = None) -> None:
        """A call that began in term `begun` (the present one if None) did what was asked."""
        with self._lock:
            if self._state is CLOSED and call not in self._failed:
                return
            is_changed = self._note(call, Finding.WORKS, begun)
        if is_changed:
            self._publish()

    def failed(self, call: HautechCall, error: Exception, *, begun: int | None = None) -> None:
        """A call that began in term `begun` (the present one if None) ended with this error."""
        found = finding_about(type(error))
        if found is Finding.NOTHING:
            return
        with self._lock:
            is_changed = self._note(call, found, begun, error)
        if is_changed:
            self._publish()

    def _note(
        self, call: HautechCall, found: Finding, begun: int | None, error: Exception | None = None
    ) -> bool:
        """Counts, and changes the state if this says so. Whether it did."""
        if found is Finding.SYSTEMIC:
            return self._trip(call, _reason(error), error)
        if found is Finding.TROUBLE:
            self._failed[call] = failures = self._failed.get(call, 0) + 1
            if self._state.is_probing or (self._state is CLOSED and failures >= FAILURES_MOST):
                return self._trip(call, self._state.reason or HoldReason.HAUTECH_DOWN, error)
            return False
        failures = self._failed.pop(call, 0)
        reason = self._state.reason
        if reason is None or begun not in {None, self._term}:
            return False
        if call in {self._met_by, "run"} and found in _CURES[reason]:
            self._state, self._tries, self._met_by = CLOSED, 0, None
            self._failed.clear()
            return True
        if reason is HoldReason.HAUTECH_DOWN and failures >= FAILURES_MOST:
            # Another kind of call that was down works again: worth finding out now.
            self._change(next_try_at=self._clock.now())
        return False

    def _trip(self, call: HautechCall, reason: HoldReason, error: Exception | None) -> bool:
        """Opens, or stays open for longer after a probe, or for another reason."""
        state, now = self._state, self._clock.now()
        is_new = state is CLOSED
        if not is_new and not state.is_probing and reason is state.reason:
            return False  # Others that were under way: they say nothing new.
        next_try_at = state.next_try_at
        if is_new or state.is_probing:
            open_s = min(OPEN_MAX_S, OPEN_S * 2.0 ** min(self._tries, 10))
            self._tries += 1
            next_try_at = now + timedelta(seconds=open_s * self._random.uniform(0.8, 1.2))
        if reason is not state.reason:
            self._met_by = call
        self._term += 1
        self._state = CircuitState(
            reason=reason,
            since=now if is_new else state.since,
            next_try_at=next_try_at,
            said=error.message if isinstance(error, WorkerError) else repr(error),
        )
        return True

    def _change(self, *, is_probing: bool = False, next_try_at: datetime | None = None) -> None:
        state = self._state
        self._state = CircuitState(
            reason=state.reason,
            since=state.since,
            next_try_at=next_try_at or state.next_try_at,
            said=state.said,
            is_probing=is_probing,
        )

    def _publish(self) -> None:
        # One at a time, each the newest: a slow one must not overwrite what came later.
        with self._telling:
            state, now = self._state, self._clock.now()
            if state.reason is None:
                if self._told is None:
                    return
                log.info("Hautech works again: requests are taken", action="circuit_closed")
            else:
                wait_s = ((state.next_try_at or now) - now).total_seconds()
                sentence = f"requests are held; next try in {wait_s:.0f} s: {state.said}"
                if self._told is None:
                    log.warning(sentence, action="circuit_opened", reason=str(state.reason))
                else:
                    log.warning(sentence, action="circuit_still_open", reason=str(state.reason))
            self._told = state.reason
            notice = CircuitNotice(
                told_at=now,
                reason=state.reason,
                since=state.since,
                next_try_at=state.next_try_at,
                said=state.said,
            )
            self._tell(notice)


def finding_about(kind: type[Exception]) -> Finding:
    """What errors of a class say about Hautech, when one of its calls ended with them."""
    for known, finding in _FINDINGS:
        if issubclass(kind, known):
            return finding
    return Finding.NOTHING


def _reason(error: Exception | None) -> HoldReason:
    match error:
        case CredentialsRefusedError():
            return HoldReason.TOKEN_REFUSED
        case OutOfFundsError():
            return HoldReason.OUT_OF_FUNDS
        case _:
            return HoldReason.MISCONFIGURED
