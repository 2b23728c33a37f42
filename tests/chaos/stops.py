"""How long a worker takes to stop under load, and when others can have its messages.

    SIGTERM ──── exit_s, at most 25 ────► exit ── visible_s, at most 2 ──► nothing is hidden any more

Pipelines take no time here, so nothing is handed back to wait: whatever a queue still hides after
the exit was left hidden by the worker.
"""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.slow_stack import SlowStack, slow_stack

CONCURRENCY = 12
_JOBS = 24
_LONGEST_WORK_S = 50.0
"""A job takes that long: two uploads, a paid call, a download."""

_LOAD_S = 60.0
_EXIT_S = 120.0
_VISIBLE_S = 90.0
_LOOK_EVERY_S = 0.02

MOST_EXIT_S = 25.0
MOST_VISIBLE_S = 2.0

SLOW: tuple[dict[str, object], ...] = (
    {"route": "images.upload", "kind": "delay", "times": -1, "delaySeconds": 6},
    {"route": "workflows.run", "kind": "delay", "times": -1, "delaySeconds": 9},
    {"route": "images.download", "kind": "slow_drip", "times": -1, "pieceBytes": 2000},
)
"""An upload takes 6 s per photo, a paid call 9 s, a download 25 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One SIGTERM under load.

    Attributes:
        in_hand: messages that the worker held when the signal came.
        calls: calls to Hautech that were under way then: uploads, paid calls, downloads.
        exit_s: from the signal to the exit.
        code: exit code.
        visible_s: from the exit until no message was hidden.
        received_s: from the exit until another receiver had them all.
        missing: open jobs without a message; must be 0.
    """

    in_hand: int
    calls: tuple[int, int, int]
    exit_s: float
    code: int
    visible_s: float
    received_s: float
    missing: int


def measure_stops(
    repetitions: int, *, seed: int = 1, tell: Callable[[str], None] = lambda _: None
) -> list[Stop]:
    """Stops so many workers, one after the other, at random moments of their work."""
    random = Random(seed)
    with slow_stack({"WORKER_CONCURRENCY": str(CONCURRENCY)}) as slow:
        stops = []
        for number in range(repetitions):
            stops.append(_stop_one(slow, random.uniform(0, _LONGEST_WORK_S)))
            tell(f"stop {number + 1} of {repetitions}: {stops[-1]}")
        return stops


def _stop_one(slow: SlowStack, after_s: float) -> Stop:
    slow.forget()
    for rule in SLOW:
        slow.stack.standin.add_fault(rule)
    slow.submit(_JOBS)
    worker = slow.start_worker()
    slow.stack.wait_for(lambda: slow.counts()[1] >= CONCURRENCY // 2, deadline_s=_LOAD_S)
    _wait(slow, after_s)
    in_hand = slow.counts()[1]
    uploads, runs, downloads = (slow.under_way(str(rule["route"])) for rule in SLOW)
    begun_s = time.monotonic()
    worker.kill(signal.SIGTERM)
    code = worker.wait(_EXIT_S)
    ended_s = time.monotonic()
    while slow.counts()[1] and time.monotonic() - ended_s < _VISIBLE_S:
        time.sleep(_LOOK_EVERY_S)
    visible_s = time.monotonic() - ended_s
    there, _ = slow.counts()
    is_open = [job is None or not job.state.is_final for job in slow.jobs().values()]
    received = 0
    while received < there and time.monotonic() - ended_s < _VISIBLE_S:
        received += slow.receive_all()
    received_s = time.monotonic() - ended_s
    worker.release()
    slow.stack.workers.remove(worker)
    return Stop(
        in_hand=in_hand,
        calls=(uploads, runs, downloads),
        exit_s=ended_s - begun_s,
        code=code,
        visible_s=visible_s,
        received_s=received_s,
        missing=max(0, sum(is_open) - received),
    )


def _wait(slow: SlowStack, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    slow.stack.wait_for(lambda: time.monotonic() >= until_s, deadline_s=seconds + 60)


def stops_markdown(stops: Sequence[Stop]) -> str:
    """The two numbers for people."""
    busy = [sum(column) for column in zip(*(stop.calls for stop in stops), strict=True)]
    lines = [
        f"| SIGTERM under load, {len(stops)} times | median | longest | at most |",
        "| --- | --- | --- | --- |",
        _row("signal to exit", [stop.exit_s for stop in stops], MOST_EXIT_S),
        _row("exit to nothing hidden", [stop.visible_s for stop in stops], MOST_VISIBLE_S),
        _row("exit to all received by another", [stop.received_s for stop in stops], None),
    ]
    in_hand = [stop.in_hand for stop in stops]
    facts = (
        f"Messages in hand at the signal: {min(in_hand)} to {max(in_hand)}; calls under way, all "
        f"stops together: uploads {busy[0]}, paid calls {busy[1]}, downloads {busy[2]}. Exit codes "
        f"other than 0: {sum(stop.code != 0 for stop in stops)}. Open jobs without a message: "
        f"{sum(stop.missing for stop in stops)}."
    )
    return "\n".join([*lines, "", facts]) + "\n"


def _row(name: str, values_s: Sequence[float], most_s: float | None) -> str:
    most = "" if most_s is None else f"{most_s:g} s"
    return f"| {name} | {statistics.median(values_s):.2f} s | {max(values_s):.2f} s | {most} |"
