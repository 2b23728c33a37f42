"""What the gateway does to an exchange instead of passing it on, and to which one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Blow(StrEnum):
    """One way in which an exchange goes wrong on the wire."""

    DROP = "drop"
    """The connection ends before anything reaches the other side."""
    DROP_AFTER = "drop after"
    """It takes effect, and the connection ends without an answer."""
    SILENCE = "silence"
    """It takes effect, and no answer comes until the client gives up."""
    THROTTLED = "throttled"
    """The service asks to slow down."""
    BROKEN = "broken"
    """The service answers 5xx and has done nothing."""
    BROKEN_AFTER = "broken after"
    """It takes effect, and the service answers 5xx."""
    EXPIRED = "expired"
    """The service says that the credentials have expired."""
    SKEWED = "skewed"
    """The service refuses the time of the signature."""
    DRIP = "drip"
    """The answer comes in small pieces, all of it in time."""
    STALL = "stall"
    """Half of the answer comes in small pieces, and then nothing."""
    CUT = "cut"
    """The answer announces more than comes."""
    GARBAGE = "garbage"
    """The answer is well-formed HTTP, and its body is rubbish of the right length."""
    FLIP = "flip"
    """One byte of the body is another one."""
    LATE_SOON = "late, soon"
    """The client sees a dropped connection; the request takes effect three exchanges later."""
    LATE_LAST = "late, last"
    """The same, but only when everything else is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Which exchanges are hit: the `nth` of that call and those after it, `times` in all."""

    call: str
    blow: Blow
    nth: int = 1
    times: int = 1


class Strikes:
    """Counts exchanges by call and says which one is hit. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: tuple[Strike, ...] = ()
        self.seen: Counter[str] = Counter()
        self.hits: Counter[Strike] = Counter()

    def arm(self, strikes: Iterable[Strike]) -> None:
        """Starts to count anew, with these strikes."""
        with self._lock:
            self._armed = tuple(strikes)
            self.seen.clear()
            self.hits.clear()

    def next_blow(self, call: str) -> Blow | None:
        """What happens to the exchange that has just come in."""
        with self._lock:
            self.seen[call] += 1
            number = self.seen[call]
            for strike in self._armed:
                if strike.call == call and strike.nth <= number < strike.nth + strike.times:
                    self.hits[strike] += 1
                    return strike.blow
            return None
