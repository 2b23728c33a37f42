"""One limit over several exchanges: what is left is all that the next one gets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from urllib3.util import Timeout

MIN_EXCHANGE_S: Final = 5.0
"""With less than this left no further exchange is begun: it would more likely be cut off than
answered, and a paid call without an answer is worse than one that was not made."""

_SHORTEST_S: Final = 0.001  # a socket takes zero for "do not wait at all"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which all of a call has ended.

    Attributes:
        allowed_s: Seconds for all of it.
        ends_at_s: The moment, on the clock `monotonic`.
        monotonic: Clock, seconds.
    """

    allowed_s: float
    ends_at_s: float
    monotonic: Callable[[], float]

    @classmethod
    def after(cls, allowed_s: float, monotonic: Callable[[], float]) -> Self:
        """The deadline that many seconds from now."""
        return cls(allowed_s, monotonic() + allowed_s, monotonic)

    def left_s(self) -> float:
        """Seconds that are left; negative when it has passed."""
        return self.ends_at_s - self.monotonic()

    def has_room(self) -> bool:
        """Whether another exchange may begin: 5 s are left, or a quarter of a short limit."""
        return self.left_s() >= min(MIN_EXCHANGE_S, self.allowed_s / 4)

    def cut(self, timeout_s: tuple[float, float]) -> Timeout:
        """Connect and read timeout, in seconds, cut to what is left for both together.

        Source: urllib3 takes what connecting took (several addresses, one after the other) off
        the time for the answer when it is given a total.
        """
        connect_s, read_s = timeout_s
        return Timeout(total=max(self.left_s(), _SHORTEST_S), connect=connect_s, read=read_s)


def limit_reads(raw: Any, deadline: Deadline) -> None:
    """Lets no further read of an answer's body wait longer than the deadline.

    The read timeout was set when the request went out, and holds for each single read: without
    this a body that stops could wait as long again as its header did.

    Args:
        raw: An answer of urllib3 whose header has come.
        deadline: When all has to be over.
    """
    sock = getattr(getattr(raw, "connection", None), "sock", None)
    if sock is None:
        # A connection that closes after this answer has let go of its socket; the file on it
        # has not.
        file = getattr(getattr(raw, "_fp", None), "fp", None)
        sock = getattr(getattr(file, "raw", None), "_sock", None)
    if sock is not None:
        before_s = sock.gettimeout()
        left_s = max(deadline.left_s(), _SHORTEST_S)
        sock.settimeout(left_s if before_s is None else min(before_s, left_s))
