"""Systemic trouble at Hautech: when to hold new requests, and when to let one through to find out.

                    token refused, account empty, or 5 failures in a row of one kind of call
             ┌──────────────────────────────────────────────────────────────┐
             │                                                              ▼
          closed ◄──────────── a call that proves it over ──────────── open until T
             ▲                                                           │    ▲
             │                                            T, one request │    │ trouble: longer,
             └────────────── the same ──────────────── probing ◄─────────┘    │ 30 s … 5 min
                                                          └───────────────────┘ or nothing proved

What was met by a call of one kind is proved over by one of that kind. A run proves it for what comes
before it, not for looks and downloads: a probe goes on as a paid job and comes to those in the end.

Paid jobs are followed whatever the state, and what their calls meet counts, too. Each process has a
circuit of its own; people see them through the notice board, and on Lambda so do others, who begin with
what they heard. Nothing here waits or calls Hautech.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal, get_args

import structlog

from worker.engine.findings import CURES, Finding, finding_about, reason_of
from worker.engine.rules import EngineRules
from worker.errors import WorkerError
from worker.ports.clock import Clock
from worker.ports.notices import CircuitNotice, HoldReason

log = structlog.get_logger(__name__)

HautechCall = Literal["upload", "sign_in", "run", "look", "read", "list", "download"]
"""The kinds of calls, as they are counted: one kind can be down while the others work."""

CALLS: tuple[HautechCall, ...] = get_args(HautechCall)

FAILURES_MOST = 5
"""So many failures in a row of one kind of call mean that Hautech is down, not unlucky."""

FORGOTTEN = timedelta(hours=1)
"""After so long without a call of the kind that met it, a run may prove it over all the same: there
may be no job left, and no new one, that makes such calls.
"""

_BEGINNING: frozenset[HautechCall] = frozenset({"upload", "sign_in", "run"})
"""What a new job calls until it is paid for. While requests are held, only the probe begins one."""

_PROVED_BY_RUN: frozenset[HautechCall] = _BEGINNING | {"list"}
"""The list is for runs whose answer was lost: one that is answered does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitState:
    """A circuit at a moment; `reason` None: it is closed."""

    reason: HoldReason | None = None
    since: datetime | None = None
    next_try_at: datetime | None = None
    said: str = ""
    probe: int | None = None
    """The number of the job that finds out, while it is under way."""

    @property
    def is_probing(self) -> bool:
        """Whether the job that finds out is under way."""
        return self.probe is not None


CLOSED = CircuitState()


class Circuit:
    """Watches the calls of one process to Hautech; safe to share between threads.

    Args:
        clock: says when the next try is due.
        rules: say how long nothing new is tried.
        random: spreads the tries of several processes.
        tell: hears of each change, outside of the lock, in the middle of a job's work: must be quick.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rules: EngineRules,
        random: random.Random,
        tell: Callable[[CircuitNotice], None] = lambda _notice: None,
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._random = random
        self._tell = tell
        self._lock = Lock()
        self._telling = Lock()
        self._told: HoldReason | None = None
        self._failed: dict[HautechCall, int] = {}
        self._state = CLOSED
        self._met_by: HautechCall | None = None
        self._met_at = clock.now()
        self._tries = 0
        self._probes = 0
        self._has_paid = False
        self._is_hearsay = False
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

    @property
    def is_hearsay(self) -> bool:
        """Whether it is open only because others said so: no call of this process met the trouble."""
        return self._is_hearsay

    def take_probe(self) -> int | None:
        """The number under which the caller may begin a job although the circuit is open: the only
        one; None if it may not. It must call `end_probe` afterwards, whatever happened.
        """
        with self._lock:
            if self._state.is_probing or not self._is_due():
                return None
            self._probes += 1
            self._has_paid = False
            self._state = replace(self._state, probe=self._probes)
            number = self._probes
        log.info("one job is let through to find out", action="circuit_probing")
        return number

    def end_probe(self, number: int) -> None:
        """That probe is over. If it found nothing out, the next job is one at once; if it was paid
        for all the same, later: what it is to find out, it comes to as a paid job.
        """
        with self._lock:
            if self._state.probe != number:
                return
            has_paid = self._has_paid
            due = self._next_try_at() if has_paid else self._state.next_try_at
            self._state = replace(self._state, probe=None, next_try_at=due)
            is_news = (
                has_paid and not self._is_hearsay
            )  # else it might hide that others are through
        if is_news:
            self._publish()

    def resume(self, notice: CircuitNotice) -> None:
        """Go on from where another process stood, as if this one had found it out. Tells nobody."""
        if notice.reason is None:
            return
        with self._lock:
            if self._state is not CLOSED:
                return
            # What a run proves is what a probe finds out, so it is the guess for those who do not say.
            self._met_by = next((call for call in CALLS if call == notice.met_by), "run")
            self._told = notice.reason
            self._is_hearsay = True
            self._state = CircuitState(
                reason=notice.reason,
                since=notice.since or notice.told_at,
                next_try_at=notice.next_try_at or notice.told_at,
                said=notice.said,
            )

    def forget_hearsay(self) -> None:
        """Take requests again, if they are held only because others said so. Tells nobody."""
        with self._lock:
            if not self._is_hearsay:
                return
            self._close()
            self._told = None
        log.info("others found out that Hautech works again", action="circuit_closed")

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
            return self._trip(call, reason_of(error), error)
        if found is Finding.TROUBLE:
            self._failed[call] = failures = self._failed.get(call, 0) + 1
            if self._state is CLOSED and failures < FAILURES_MOST:
                return False
            return self._trip(call, self._state.reason or HoldReason.HAUTECH_DOWN, error)
        failures = self._failed.pop(call, 0)
        reason = self._state.reason
        if call == "run" and found is Finding.WORKS:
            self._has_paid = True
        if reason is None or begun not in {None, self._term}:
            return False
        if found in CURES[reason] and self._is_cured_by(call):
            self._close()
            return True
        if reason is HoldReason.HAUTECH_DOWN and failures >= FAILURES_MOST:
            # Another kind of call that was down works again: worth finding out now.
            self._state = replace(self._state, next_try_at=self._clock.now())
        return False

    def _close(self) -> None:
        self._state, self._tries, self._met_by, self._is_hearsay = CLOSED, 0, None, False
        self._failed.clear()

    def _is_cured_by(self, call: HautechCall) -> bool:
        """Whether such a call, if it ends well, proves that what holds requests is over."""
        if call == self._met_by:
            return True
        is_forgotten = self._clock.now() - self._met_at > FORGOTTEN
        return call == "run" and (self._met_by in _PROVED_BY_RUN or is_forgotten)

    def _trip(self, call: HautechCall, reason: HoldReason, error: Exception | None) -> bool:
        """Opens, stays open for longer after a try, or for another reason. Whether it did."""
        state, now = self._state, self._clock.now()
        is_new, is_other, is_try = state is CLOSED, reason is not state.reason, self._is_try(call)
        if is_other or (is_try and self._is_hearsay):
            self._met_by = call  # and not what others met by calls that this process may never make
        if call == self._met_by:
            self._met_at, self._is_hearsay = now, False
        if not (is_other or is_try):
            return False  # Others that were under way: they say nothing new.
        self._term += 1
        self._state = replace(
            state,
            reason=reason,
            since=now if is_new else state.since,
            said=error.message if isinstance(error, WorkerError) else repr(error),
        )
        if is_new or is_try:
            self._state = replace(self._state, probe=None, next_try_at=self._next_try_at())
        return True

    def _is_try(self, call: HautechCall) -> bool:
        """Whether this call, as it failed, is the try that finds out: the probe's own, or what the
        probe would come to in the end.
        """
        if self._state.is_probing:
            return call in _BEGINNING or call == self._met_by
        return call == self._met_by and self._is_due()

    def _is_due(self) -> bool:
        due = self._state.next_try_at
        return due is not None and due <= self._clock.now()

    def _next_try_at(self) -> datetime:
        """When to try next after one more try in vain: later each time."""
        rules = self._rules
        open_s = min(rules.circuit_open_max_s, rules.circuit_open_s * 2.0 ** min(self._tries, 10))
        self._tries += 1
        return self._clock.now() + timedelta(seconds=open_s * self._random.uniform(0.8, 1.2))

    def _publish(self) -> None:
        # One at a time, each the newest.
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
                met_by=self._met_by or "",
            )
            self._tell(notice)
