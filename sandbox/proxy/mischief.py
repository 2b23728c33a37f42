"""What may happen to an exchange that goes through the proxy, drawn from seeded dice. Pure.

An exchange is what the client says until the server has spoken and the client speaks again: with
HTTP, one request and its answer, also where many share a connection.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random


class Mischief(StrEnum):
    """One way to misbehave."""

    CUT_AT_ONCE = "cut at once"
    """Not a byte of the exchange gets through."""
    CUT_REQUEST = "cut request"
    """So many bytes of the client reach the server, then both sides lose the connection."""
    CUT_ANSWER = "cut answer"
    """The server has heard all; so many bytes of its answer reach the client, perhaps none."""
    DELAY = "delay"
    """What the client says arrives later."""
    DELAY_ANSWER = "delay answer"
    """What the server says arrives later."""
    DRIP = "drip"
    """The answer arrives in small pieces with pauses, for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """How a proxy treats its connections: the share of exchanges for each mischief, and the bounds.

    Attributes:
        cut_at_once, cut_request, cut_answer, delay, delay_answer, drip: shares, together 1 at most.
        cut_within_bytes: a cut comes after fewer bytes than this; small numbers are likelier.
        longest_delay_s: of one delay.
        drip_bytes: size of a piece.
        drip_pause_s: between two pieces.
        longest_drip_s: of all pauses of one exchange; what is left then flows.
    """

    cut_at_once: float = 0.0
    cut_request: float = 0.0
    cut_answer: float = 0.0
    delay: float = 0.0
    delay_answer: float = 0.0
    drip: float = 0.0
    cut_within_bytes: int = 16 * 1024
    longest_delay_s: float = 2.0
    drip_bytes: int = 1024
    drip_pause_s: float = 0.05
    longest_drip_s: float = 3.0

    def __post_init__(self) -> None:
        shares = [share for _, share in self.shares()]
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("mood: each share must be 0 or more, and together 1 at most")

    def shares(self) -> Iterator[tuple[Mischief, float]]:
        """Each mischief with its share of the exchanges."""
        yield Mischief.CUT_AT_ONCE, self.cut_at_once
        yield Mischief.CUT_REQUEST, self.cut_request
        yield Mischief.CUT_ANSWER, self.cut_answer
        yield Mischief.DELAY, self.delay
        yield Mischief.DELAY_ANSWER, self.delay_answer
        yield Mischief.DRIP, self.drip


CALM = Mood()
"""Everything gets through as it comes."""

HOSTILE = Mood(
    cut_at_once=0.015, cut_request=0.015, cut_answer=0.03, delay=0.03, delay_answer=0.03, drip=0.03
)
"""One exchange in seven goes wrong somehow. A job has some twenty exchanges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens to one exchange. `mischief` None: nothing does.

    Attributes:
        after_bytes: how many bytes pass before a cut.
        delay_s: of a delay.
        is_reset: a cut is a TCP reset instead of a proper end.
    """

    mischief: Mischief | None = None
    after_bytes: int = 0
    delay_s: float = 0.0
    is_reset: bool = False
    mood: Mood = field(default=CALM, repr=False)


def draw_fate(mood: Mood, random: Random) -> Fate:
    """The fate of the next exchange. The same dice give the same fate."""
    point, delay_share, size, is_reset = (random.random() for _ in range(4))
    for mischief, share in mood.shares():
        point -= share
        if point < 0:
            return Fate(
                mischief=mischief,
                after_bytes=_log_uniform(size, mood.cut_within_bytes),
                delay_s=delay_share * mood.longest_delay_s,
                is_reset=is_reset < 0.5,
                mood=mood,
            )
    return Fate(mood=mood)


def _log_uniform(share: float, below: int) -> int:
    """0 … below - 1; each power of two is as likely as the next, so headers are cut, too.

    In one of four cases 0: the whole answer is lost, the worst that can happen to a paid call.
    """
    if share < 0.25:
        return 0
    return int(math.exp((share - 0.25) / 0.75 * math.log(below)))
