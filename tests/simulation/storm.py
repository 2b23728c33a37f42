"""What goes wrong and when, drawn from the seed: which fault meets which call, outages, kills.

    calm ──► storm: faults, kills, freezes, deploys, outages ──► over: everything works ──► drained
    0                                                          over_s

The storm differs between seeds: how dense it is, and whether it kills, freezes or only fails.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.faults import (
    FAULTS,
    KILL_AFTER,
    KILL_BEFORE,
    SAID,
    Fault,
    advised,
    refused,
    unavailable,
)
from worker.errors import OutOfFundsError

_PAID_MORE = 3.0

CLOCKS_OFF_S = (-290.0, -90.0, -20.0, 20.0, 90.0, 290.0)
"""By how much a clock that somebody sets is off afterwards. Further off, AWS answers nobody: it refuses
what is signed more than five minutes off, so such a worker gets no lease and pays for nothing."""


@dataclass(frozen=True, slots=True)
class Outage:
    """From `from_s` to `to_s` every call to Hautech, or every paid one, gets this."""

    name: str
    from_s: float
    to_s: float
    only_run: bool
    error: Callable[[], Exception]


@dataclass(frozen=True, slots=True)
class Backlog:
    """From `from_s` to `to_s` a message that is put on this queue waits behind others, for so long."""

    queue: str
    from_s: float
    to_s: float
    line_s: float


@dataclass
class Storm:
    """The plan of one run. `met` counts what was injected, by call and name."""

    rng: random.Random
    over_s: float
    fault_rate: float
    kill_rate: float
    freeze_rate: float
    clock_rate: float = 0.0
    outages: tuple[Outage, ...] = ()
    backlogs: tuple[Backlog, ...] = ()
    met: Counter[str] = field(default_factory=Counter)

    @classmethod
    def calm(cls, rng: random.Random) -> Storm:
        """Nothing goes wrong."""
        return cls(rng=rng, over_s=0.0, fault_rate=0.0, kill_rate=0.0, freeze_rate=0.0)

    @classmethod
    def draw(cls, rng: random.Random) -> Storm:
        """The storm of a seed."""
        over_s = rng.choice((120.0, 300.0, 900.0, 3600.0))
        return cls(
            rng=rng,
            over_s=over_s,
            fault_rate=rng.choice((0.0, 0.02, 0.05, 0.1, 0.2, 0.35)),
            kill_rate=rng.choice((0.0, 0.0, 0.01, 0.03, 0.1)),
            freeze_rate=rng.choice((0.0, 0.0, 0.01, 0.05)),
            clock_rate=rng.choice((0.0, 0.0, 0.0, 0.01, 0.03)),
            outages=_outages(rng, over_s),
            backlogs=_backlogs(rng, over_s),
        )

    def fault_of(self, call: str, now_s: float) -> Fault | None:
        """What goes wrong with this call, if anything does."""
        if now_s >= self.over_s:
            return None
        rng = self.rng
        # The paid call is what all of this is about.
        dice = rng.random() / (_PAID_MORE if call == "hautech.run" else 1.0)
        fault: Fault | None = None
        if dice < self.fault_rate:
            fault = rng.choice(FAULTS[call])
            if fault.late_s:
                fault = Fault(
                    fault.name,
                    fault.effects,
                    late_s=rng.choice((0.5, 4.0, 12.0, 45.0)),
                    error=fault.error,
                    kill=fault.kill,
                )
            elif fault.name == "slow":
                fault = Fault("slow", slow_s=self._slowness_s(call))
        elif dice < self.fault_rate + self.kill_rate:
            fault = rng.choice((KILL_BEFORE, KILL_AFTER))
        elif dice < self.fault_rate + self.kill_rate + self.freeze_rate:
            frozen_s = rng.choice((5.0, 30.0, 70.0, 200.0, 1000.0))
            effects = rng.choice((0, 1))
            fault = Fault("frozen " + ("after" if effects else "before"), 1, freeze_s=frozen_s)
        elif dice < self.fault_rate + self.kill_rate + self.freeze_rate + self.clock_rate:
            off_s = rng.choice((0.0, 0.0, *CLOCKS_OFF_S))
            fault = Fault("clock set", clock_off_s=off_s)
        if fault is not None:
            self.met[f"{call}: {fault.name}"] += 1
        return fault

    def outage_of(self, call: str, now_s: float) -> Outage | None:
        """The outage at Hautech that this call runs into."""
        for outage in self.outages:
            if outage.from_s <= now_s < outage.to_s and (
                call == "hautech.run" or not outage.only_run
            ):
                self.met[f"outage: {outage.name}"] += 1
                return outage
        return None

    def line_s(self, queue: str, now_s: float) -> float:
        """How long a message that is put on this queue now waits until it is its turn."""
        lines = (
            one.line_s
            for one in self.backlogs
            if one.queue == queue and one.from_s <= now_s < one.to_s
        )
        line_s = max(lines, default=0.0)
        if line_s:
            self.met[f"{queue}: backlog"] += 1
            line_s *= self.rng.uniform(0.5, 1.0)
        return line_s

    def latency_s(self) -> float:
        """How long one way of an ordinary call takes."""
        return 0.002 + 0.08 * self.rng.random() ** 2

    def _slowness_s(self, call: str) -> float:
        """Calls are bounded by their timeouts; the paid one by 20 s in all."""
        if call == "hautech.run":
            return self.rng.uniform(1.0, 19.5)
        longest_s = 300.0 if call in {"hautech.upload", "hautech.download"} else 70.0
        return self.rng.uniform(1.0, longest_s)


def _outages(rng: random.Random, over_s: float) -> tuple[Outage, ...]:
    kinds = (
        ("down", False, unavailable),
        ("token refused", False, refused),
        ("no funds", True, lambda: OutOfFundsError(SAID)),
        ("throttling", False, advised),
    )
    found = []
    for _ in range(rng.choice((0, 0, 1, 2))):
        name, only_run, error = rng.choice(kinds)
        from_s = rng.uniform(0.0, over_s)
        to_s = min(over_s, from_s + rng.choice((20.0, 200.0, 2000.0)))
        found.append(Outage(name, from_s, to_s, only_run, error))
    return tuple(found)


def _backlogs(rng: random.Random, over_s: float) -> tuple[Backlog, ...]:
    """Lines that are short, or longer than the silence after which reconcile wakes a job."""
    found = []
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        queue = rng.choice(("requests", "polls"))
        from_s = rng.uniform(0.0, over_s)
        line_s = rng.choice((30.0, 300.0, 1500.0, 4000.0))
        found.append(Backlog(queue, from_s, from_s + rng.choice((60.0, 600.0, 3000.0)), line_s))
    return tuple(found)
