"""The monkey: every moment it picks a worker and kills it, stops it politely, or freezes it."""

from __future__ import annotations

import signal
from collections import Counter
from random import Random

from tests.chaos.crew import Crew, Mate

_PAUSE_S = (0.6, 2.4)
_KILL, _TERM, _FREEZE = 0.35, 0.2, 0.45
_SHORT_FREEZE_S, _LONG_FREEZE_S = (0.5, 4.0), (4.0, 30.0)
_LONG_SHARE = 0.4


class Monkey:
    """Acts on a crew when its time has come; the run tells it the time.

    It waits until half of the crew works: starting Python costs a second of CPU, and a crew that
    only ever starts proves nothing.

    Args:
        crew: whom it plays with.
        random: its dice.
        longest_freeze_s: of a SIGSTOP, at most 30.
    """

    def __init__(self, crew: Crew, random: Random, *, longest_freeze_s: float = 30.0) -> None:
        self._crew = crew
        self._random = random
        self._longest_freeze_s = longest_freeze_s
        self._next_s = 0.0
        self._thaws: list[tuple[float, Mate]] = []
        self.counts: Counter[str] = Counter()

    def act(self, now_s: float) -> None:
        """Does what is due at `now_s`."""
        for due_s, mate in tuple(self._thaws):
            if due_s <= now_s:
                self._thaws.remove((due_s, mate))
                self._crew.thaw(mate)
        if now_s < self._next_s:
            return
        working = self._crew.working()
        if 2 * len(working) < len(self._crew.mates):
            return
        self._next_s = now_s + self._random.uniform(*_PAUSE_S)
        self._pester(self._random.choice(working), now_s)

    def rest(self) -> None:
        """No more of it: whoever is frozen goes on."""
        for _, mate in self._thaws:
            self._crew.thaw(mate)
        self._thaws.clear()

    def _pester(self, mate: Mate, now_s: float) -> None:
        (how,) = self._random.choices(
            [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP], weights=[_KILL, _TERM, _FREEZE]
        )
        self.counts[how.name] += 1
        if how is not signal.SIGSTOP:
            self._crew.end(mate, how)
            return
        is_long = self._random.random() < _LONG_SHARE
        for_s = self._random.uniform(*(_LONG_FREEZE_S if is_long else _SHORT_FREEZE_S))
        self._crew.freeze(mate)
        self._thaws.append((now_s + min(for_s, self._longest_freeze_s), mate))
