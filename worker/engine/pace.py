"""How fast this process may call Hautech: as fast as it likes, until it is asked to slow down.

    requests/s
        |        × 429: half of it, and a pause          a limit that is set
        |   ____/|        /|        /|                 - - - - - - - - - - - -
        |  /     |      /  |      /  |      /
        | /      |____/    |____/    |____/   each success a little faster
        |________________________________________ time       long undisturbed: no limit

Nothing sleeps here. Who may not call now hears when it is likely to; those who wait are given
turns, one after the other, so that they do not come back together. What follows paid pipelines
comes first: new work leaves a reserve for it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

import structlog

from worker.engine.circuit import HautechCall
from worker.ports.clock import Clock

log = structlog.get_logger(__name__)

REQUESTS: Final[Mapping[HautechCall, int]] = {
    "upload": 3,
    "sign_in": 0,
    "run": 1,
    "look": 1,
    "read": 1,
    "list": 1,
    "download": 2,
}
"""HTTP requests that a call usually makes (Source: worker/hautech): begin, bytes and end of an upload;
the link and the bytes of a picture."""

_NEW_WORK: Final = frozenset({"upload", "run"})

SLOWEST_PER_S: Final = 0.2
"""However often we are asked: so slow a worker still shows when it is over."""

_STEP: Final = 0.02
"""Each request that is answered adds so much of the rate at which we were asked to slow down: some 25
of them lead from half of it back to it."""

_PAUSE_MAX_S: Final = 60.0
_ADVICE_MAX_S: Final = 900.0
_FORGET_S: Final = 600.0
_QUIET_S: Final = 60.0

_ROUNDING_S: Final = 0.001
"""Times as floats are exact to less than that."""
_TURN_MAX_S: Final = 60.0
"""Nobody is told to come back later than that: the pace may have changed."""


@dataclass(frozen=True, slots=True)
class PaceState:
    """The limit in requests per second (None: none), and how long the present pause lasts."""

    limit_per_s: float | None
    pause_s: float


class Pace:
    """Limits the calls of one process; safe to share between threads.

    Args:
        clock: says how much time has passed.
        random: spreads what several processes do.
        most_per_s: requests per second, on average, that nothing raises; None: no such limit.
    """

    def __init__(
        self, *, clock: Clock, random: random.Random, most_per_s: float | None = None
    ) -> None:
        self._clock = clock
        self._random = random
        self._most_per_s = most_per_s
        self._lock = Lock()
        self._asked_per_s: float | None = None
        self._step_per_s = 0.0
        self._cuts = 0
        self._cut_at_s = 0.0
        self._cuts_in_a_row = 0
        self._general_at_s = -math.inf
        self._paused_until_s = 0.0
        self._tokens = 0.0
        self._filled_at_s = self._now_s()
        self._turns_until_s = {True: 0.0, False: 0.0}
        self._sent = (int(self._filled_at_s), 0, 0)
        """The present second, and the requests of the one before it and of it."""
        if most_per_s is not None:
            self._tokens = _capacity(most_per_s)

    @property
    def term(self) -> int:
        """Counts the times when it was slowed down. What began in an earlier term was sent too fast
        for a reason that is known already.
        """
        return self._cuts

    def state(self) -> PaceState:
        """The limit that holds now."""
        pause_s = self._paused_until_s - self._now_s()
        return PaceState(self._limit_per_s(), max(0.0, pause_s))

    def take(self, call: HautechCall) -> float:
        """0 if the call may be made now, which counts it; else the seconds until its turn."""
        requests = REQUESTS[call]
        with self._lock:
            now_s = self._now_s()
            wait_s = self._wait_s(call, now_s)
            if wait_s > 0:
                return self._turn_s(call, now_s, wait_s)
            if self._limit_per_s() is not None:
                self._tokens -= requests
            self._note_sent(now_s, requests)
            return 0.0

    def owe(self, call: HautechCall) -> None:
        """Count a call that is made now whatever the pace: others wait the longer after it."""
        with self._lock:
            now_s = self._now_s()
            self._wait_s(call, now_s)
            if self._limit_per_s() is not None:
                self._tokens -= REQUESTS[call]
            self._note_sent(now_s, REQUESTS[call])

    def turn_s(self, call: HautechCall) -> float:
        """As `take`, without counting the call: for asking before there is work to undo."""
        with self._lock:
            now_s = self._now_s()
            wait_s = self._wait_s(call, now_s)
            return self._turn_s(call, now_s, wait_s) if wait_s > 0 else 0.0

    def wait_s(self, call: HautechCall) -> float:
        """Seconds until the call may be made if nobody comes before; 0 if now. Changes nothing."""
        if self._limit_per_s() is None:
            return 0.0
        with self._lock:
            return self._wait_s(call, self._now_s())

    def room(self, requests: int) -> int:
        """How many pieces of new work of so many requests may begin now."""
        with self._lock:
            if self._wait_s("upload", self._now_s()) > 0:
                return 0
            if self._limit_per_s() is None:
                return 1_000_000
            return max(1, int(self._tokens / requests))

    def answered(self, *, begun: int) -> None:
        """A call that began in term `begun` was answered, by whatever but "slow down"."""
        with self._lock:
            asked_per_s = self._asked_per_s
            if asked_per_s is None or begun != self._cuts:
                return
            self._cuts_in_a_row = 0
            is_long_ago = self._now_s() - self._cut_at_s > _FORGET_S
            self._asked_per_s = None if is_long_ago else asked_per_s + self._step_per_s

    def is_quiet(self) -> bool:
        """Whether nobody but runs was asked to slow down lately: then it is not the pace."""
        return self._now_s() - self._general_at_s > _QUIET_S

    def throttled(self, call: HautechCall, advice_s: float | None, *, begun: int) -> None:
        """A call that began in term `begun` was answered "slow down, for `advice_s` seconds"."""
        with self._lock:
            now_s = self._now_s()
            if call != "run":
                self._general_at_s = now_s
            is_new = begun == self._cuts
            if is_new:
                self._cut(now_s)
            if advice_s:
                # To the second: the message that met it comes back then.
                self._pause(now_s, min(_ADVICE_MAX_S, advice_s))
            elif is_new:
                pause_s = min(_PAUSE_MAX_S, 2.0 ** min(self._cuts_in_a_row - 1, 10))
                self._pause(now_s, pause_s * self._random.uniform(1.0, 1.2))
            limit_per_s = self._limit_per_s()
        if is_new:
            log.info(
                f"Hautech asks us to slow down: {limit_per_s:.2f} requests/s from now on",
                action="slowed_down",
                retry_after_s=advice_s,
            )

    def _pause(self, now_s: float, pause_s: float) -> None:
        self._paused_until_s = max(self._paused_until_s, now_s + pause_s)

    def _cut(self, now_s: float) -> None:
        self._note_sent(now_s, 0)
        rate_per_s = self._limit_per_s() or max(1.0, *self._sent[1:])
        self._cuts += 1
        self._cuts_in_a_row += 1
        self._cut_at_s = now_s
        self._asked_per_s = max(SLOWEST_PER_S, rate_per_s / 2)
        self._step_per_s = _STEP * rate_per_s
        # What is owed is so much time: it must not grow with a slower pace.
        self._tokens = min(self._tokens, 0.0) / 2
        self._filled_at_s = now_s
        # Turns were given for another pace.
        self._turns_until_s = {True: 0.0, False: 0.0}

    def _limit_per_s(self) -> float | None:
        limits = [one for one in (self._asked_per_s, self._most_per_s) if one is not None]
        return min(limits, default=None)

    def _wait_s(self, call: HautechCall, now_s: float) -> float:
        pause_s = self._paused_until_s - now_s
        limit_per_s = self._limit_per_s()
        if limit_per_s is None or not REQUESTS[call]:
            return 0.0
        most = _capacity(limit_per_s)
        gained = max(0.0, now_s - self._filled_at_s) * limit_per_s
        self._tokens = min(most, self._tokens + gained)
        self._filled_at_s = now_s
        # A call may begin with one request's worth and owe the rest; new work leaves a reserve.
        least = most / 2 + 0.5 if call in _NEW_WORK else 1.0
        wait_s = max(pause_s, (least - self._tokens) / limit_per_s)
        return wait_s if wait_s > _ROUNDING_S else 0.0

    def _turn_s(self, call: HautechCall, now_s: float, wait_s: float) -> float:
        """The next turn of its kind, spread a little; within `_TURN_MAX_S` unless paused for longer."""
        kind = call in _NEW_WORK
        limit_per_s = self._limit_per_s() or 1.0
        each_s = REQUESTS[call] / limit_per_s
        turn_s = max(now_s + wait_s, self._turns_until_s[kind])
        longest_s = now_s + wait_s + _TURN_MAX_S
        if turn_s + each_s > longest_s:
            return longest_s - now_s - _TURN_MAX_S * self._random.uniform(0.0, 0.5)
        self._turns_until_s[kind] = turn_s + each_s
        return turn_s - now_s + each_s * self._random.uniform(0.0, 1.0)

    def _note_sent(self, now_s: float, requests: int) -> None:
        second, before, present = self._sent
        now = int(now_s)
        if now == second:
            self._sent = (second, before, present + requests)
        else:
            self._sent = (now, present if now == second + 1 else 0, requests)

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def _capacity(limit_per_s: float) -> float:
    """Requests that may be made at once after a quiet while: those of a second, and two at least."""
    return max(2.0, limit_per_s)
