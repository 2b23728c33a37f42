"""What is done for each cell: the variants that are run, or the reason why it cannot occur."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from tests.faults.catalogue import CALLS, ENTRY_CALLS, Call, Fault
from tests.faults.strikes import Blow

Inside = Literal["kill before", "kill after", "duplicate", "dns", "ahead", "behind"]
"""What happens in the worker's own process."""

AWS_ATTEMPTS: Final = 3
"""The SDK's attempts (`worker.adapters.aws.clients.ATTEMPTS`)."""
HAUTECH_ATTEMPTS: Final = 4
"""The most that our client makes of one call: two rounds of an upload, two tries in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to run a cell."""

    name: str
    blow: Blow | None = None
    times: int = 1
    inside: Inside | None = None
    right_failure: str = ""
    """The error code with which the job may fail, where that is the right end."""
    struck: str = ""
    """The exchange that is struck, when it is not the row's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A call and a fault: either variants to run, or why there is nothing to run."""

    call: Call
    fault: Fault
    variants: tuple[Variant, ...] = ()
    reason: str = ""


def cell(call: Call, fault: Fault) -> Cell:
    """What the cell is made of."""
    reason = _reason(call, fault)
    variants = () if reason else _variants(call, fault)
    return Cell(
        call=call,
        fault=fault,
        variants=tuple(
            replace(one, right_failure=_RIGHT_FAILURES.get((call.wire, fault, one.name), ""))
            for one in variants
        ),
        reason=reason,
    )


def all_cells() -> tuple[Cell, ...]:
    """Every call with every fault, by row."""
    return tuple(cell(call, fault) for call in CALLS for fault in Fault)


def entry_cells() -> tuple[Cell, ...]:
    """Every call of drops, batches and the asset cache with every fault in its strongest form.

    The weaker forms are repeated by the SDK before the worker knows; `all_cells` has them for every
    service.
    """
    cells = (cell(call, fault) for call in ENTRY_CALLS for fault in Fault)
    return tuple(replace(one, variants=one.variants[-1:]) for one in cells)


_INSIDE: Final = "it works in the worker's own process: nothing is sent, and nobody is asked"
_LOCAL: Final = "the token is signed in the process: nothing is sent, so nothing of it can fail"
_NO_BODY: Final = "the answer has no body"
_AWAITED: Final = (
    "it changes nothing that could change too late, and its answer is awaited before the next call"
)
_RUNS_LOCALLY: Final = frozenset(
    {Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.DUPLICATE, Fault.CLOCK_SKEW, Fault.EXPIRED}
)

_RUNS_INSIDE: Final = _RUNS_LOCALLY - {Fault.EXPIRED}

_RIGHT_FAILURES: Final = {
    # Two paid calls whose answers are lost, and no run in four looks: a third could be one too many.
    ("hautech.run", Fault.ERROR_BEFORE, "lasting"): "submission.unknown",
    ("hautech.run", Fault.SERVER_ERROR, "lasting"): "submission.unknown",
    # Three times no picture under a link that Hautech has just given: there is none.
    ("hautech.download", Fault.CORRUPT_BODY, "lasting"): "output.unusable",
}
"""Trouble that lasts until the job may be given up, by wire name, fault and variant."""


def _reason(call: Call, fault: Fault) -> str:
    if call.kind == "inside" and fault not in _RUNS_INSIDE:
        return _INSIDE
    if call.kind == "local" and fault not in _RUNS_LOCALLY:
        return _LOCAL
    if fault in {Fault.CUT_BODY, Fault.CORRUPT_BODY} and not call.has_body:
        return _NO_BODY
    if fault is Fault.OUT_OF_ORDER and call.kind == "read":
        return _AWAITED
    return ""


_ON_THE_WIRE: Final = {
    Fault.ERROR_BEFORE: Blow.DROP,
    Fault.TIMEOUT_AFTER: Blow.SILENCE,
    Fault.THROTTLED: Blow.THROTTLED,
    Fault.SERVER_ERROR: Blow.BROKEN,
    Fault.CUT_BODY: Blow.CUT,
    Fault.CORRUPT_BODY: Blow.GARBAGE,
    Fault.EXPIRED: Blow.EXPIRED,
}
"""Faults that strike one exchange, and then every attempt of a call."""

_IN_THE_PROCESS: Final[dict[Fault, tuple[tuple[str, Inside], ...]]] = {
    Fault.KILLED_BEFORE: (("once", "kill before"),),
    Fault.KILLED_AFTER: (("once", "kill after"),),
    Fault.DUPLICATE: (("once", "duplicate"),),
    Fault.CLOCK_SKEW: (("10 min ahead", "ahead"), ("10 min behind", "behind")),
}


def _variants(call: Call, fault: Fault) -> tuple[Variant, ...]:
    attempts = HAUTECH_ATTEMPTS if call.service == "Hautech" else AWS_ATTEMPTS
    found = [Variant(name=name, inside=what) for name, what in _IN_THE_PROCESS.get(fault, ())]
    if fault in _ON_THE_WIRE:
        blow, struck = _ON_THE_WIRE[fault], ""
        if call.kind == "local":
            struck = "hautech.initialize"  # the first call that shows the token
        found.append(Variant(name="once", blow=blow, struck=struck))
        found.append(Variant(name="lasting", blow=blow, times=attempts, struck=struck))
    if fault is Fault.SERVER_ERROR and call.kind == "effect":
        found.append(Variant(name="after the effect", blow=Blow.BROKEN_AFTER, times=attempts))
    if fault is Fault.CORRUPT_BODY and call.is_picture:
        found.append(Variant(name="one byte", blow=Blow.FLIP))
    if fault is Fault.OUT_OF_ORDER:
        found.append(Variant(name="takes effect soon", blow=Blow.LATE_SOON))
        found.append(Variant(name="takes effect last", blow=Blow.LATE_LAST))
    if fault is Fault.SLOW_DRIP:
        found.append(Variant(name="in time", blow=Blow.DRIP))
        found.append(Variant(name="stalls once", blow=Blow.STALL))
        found.append(Variant(name="stalls lasting", blow=Blow.STALL, times=attempts))
    if fault is Fault.DNS:
        found.append(Variant(name="once", inside="dns"))
        found.append(Variant(name="lasting", inside="dns", times=attempts))
    if fault is Fault.CLOCK_SKEW and call.service != "Hautech" and call.kind != "inside":
        found.append(Variant(name="refused for it", blow=Blow.SKEWED))
    return tuple(found)
