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

from tests.simulation.canaries import LINK, TOKEN
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    OutOfFundsError,
    OutputDamagedError,
    PipelineLostError,
    ThrottledError,
    UnavailableError,
)
from worker.hautech.redaction import redact

HAUTECH_CALLS = (
    "upload", "sign_in", "run", "look", "read_pipeline", "runs_since", "download",
)  # fmt: skip

_SAID = redact(f"500 from {LINK} with Bearer {TOKEN}")
"""What the gateway lets through of an error text that holds secrets."""

_PAID_MORE = 3.0


class ForeignError(Exception):
    """An error of a library that nobody translated; its text has secrets in it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one call.

    `effects` says how often the call takes effect before its answer; `late_s` that it takes effect
    so much later, whatever became of the caller; `error` what the caller gets instead of an answer.
    """

    name: str
    effects: int = 1
    late_s: float = 0.0
    error: Callable[[], Exception] | None = None
    slow_s: float = 0.0
    kill: bool = False
    freeze_s: float = 0.0


def _unavailable() -> Exception:
    return UnavailableError(_SAID)


def _throttled() -> Exception:
    return ThrottledError(_SAID)


def _advised() -> Exception:
    return ThrottledError(_SAID, retry_after_s=7)


def _refused() -> Exception:
    return CredentialsRefusedError(_SAID)


def _foreign() -> Exception:
    return ForeignError(f"GET {LINK}: Authorization: Bearer {TOKEN}")


_KILL_BEFORE = Fault("killed before", effects=0, kill=True)
_KILL_AFTER = Fault("killed after", kill=True)
_ANY = (
    Fault("error before", effects=0, error=_unavailable),
    Fault("throttled", effects=0, error=_throttled),
    Fault("slow"),
)
_WRITE = (
    Fault("answer lost", error=_unavailable),
    Fault("effect late", effects=0, late_s=1.0, error=_unavailable),
)
_SEND = (*_ANY, *_WRITE, Fault("twice", effects=2))
_AWS_REFUSED = Fault("credentials refused", effects=0, error=_refused)
_BUG = Fault("foreign error", effects=0, error=_foreign)
_READ_HAUTECH = (
    *_ANY,
    Fault("throttled with advice", effects=0, error=_advised),
    Fault("credentials refused", effects=0, error=_refused),
    _BUG,
)

FAULTS: dict[str, tuple[Fault, ...]] = {
    "store.create": (*_ANY, *_WRITE, _AWS_REFUSED),
    "store.load": (*_ANY, _AWS_REFUSED),
    "store.unchanged_since": (*_ANY,),
    "store.take_lease": (*_ANY, *_WRITE),
    "store.save": (*_ANY, *_WRITE),
    "queue.send_poll": _SEND,
    "queue.send_dead_letter": _SEND,
    "queue.jobs_in_flight": (*_ANY, _AWS_REFUSED, _BUG),
    "requests.send_batched": _SEND,
    "dead_letters.receive": (*_ANY, *_WRITE[:1]),
    "dead_letters.delete": (*_ANY[:2], *_WRITE[:1]),
    "objects.open": (*_ANY, Fault("cut body"), _BUG),
    "objects.put": (
        *_ANY,
        *_WRITE,
        _AWS_REFUSED,
        Fault("swallowed"),
        Fault("swallowed"),
        Fault("damaged"),
    ),
    "objects.head": (*_ANY, _AWS_REFUSED),
    "topic.publish": _SEND,
    "hautech.upload": (*_READ_HAUTECH, Fault("answer lost", error=_unavailable)),
    "hautech.sign_in": (
        Fault("error before", effects=0, error=_unavailable),
        Fault("credentials refused", effects=0, error=_refused),
    ),
    "hautech.run": (
        Fault("not sent", effects=0, error=_unavailable),
        Fault("throttled", effects=0, error=_throttled),
        Fault("throttled with advice", effects=0, error=_advised),
        Fault("credentials refused", effects=0, error=_refused),
        Fault("out of funds", effects=0, error=lambda: OutOfFundsError(_SAID)),
        Fault("refused", effects=0, error=lambda: HautechRefusedError(_SAID)),
        Fault("sent, nothing begun", effects=0, error=lambda: AnswerUnknownError(_SAID)),
        Fault("answer lost", error=lambda: AnswerUnknownError(_SAID)),
        Fault("answer lost", error=lambda: AnswerUnknownError(_SAID)),
        Fault("effect late", effects=0, late_s=1.0, error=lambda: AnswerUnknownError(_SAID)),
        Fault("foreign error after", error=_foreign),
        Fault("killed in the air", effects=0, late_s=1.0, kill=True),
        Fault("slow"),
    ),
    "hautech.look": (
        *_READ_HAUTECH,
        Fault("not found", effects=0, error=lambda: PipelineLostError(_SAID)),
    ),
    "hautech.read_pipeline": _READ_HAUTECH,
    "hautech.runs_since": _READ_HAUTECH,
    "hautech.download": (
        *_READ_HAUTECH,
        Fault("cut", effects=0, error=lambda: OutputDamagedError(_SAID)),
    ),
    "receive": (*_ANY[:2], Fault("answer lost"), Fault("delivered twice"), Fault("few")),
    "delete": (*_ANY[:2], *_WRITE[:1], Fault("forgotten")),
    "change_visibility": (*_ANY[:2], *_WRITE[:1], Fault("shown early"), Fault("shown early")),
    "extend": (*_ANY[:2], *_WRITE[:1]),
}
"""By call; a call has each of its faults equally often. Kills and freezes come on top."""


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
            fault = rng.choice((_KILL_BEFORE, _KILL_AFTER))
        elif dice < self.fault_rate + self.kill_rate + self.freeze_rate:
            frozen_s = rng.choice((5.0, 30.0, 70.0, 200.0, 1000.0))
            effects = rng.choice((0, 1))
            fault = Fault("frozen " + ("after" if effects else "before"), 1, freeze_s=frozen_s)
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
        ("down", False, _unavailable),
        ("token refused", False, _refused),
        ("no funds", True, lambda: OutOfFundsError(_SAID)),
        ("throttling", False, _advised),
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
