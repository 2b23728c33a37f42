"""What is measured, in what order: short stacks, floor and worker in turn, counting apart.

    stack 1   0 s pipelines, at load    floor, worker, floor, worker, …, then a counted worker
    stack 2   5 s pipelines, at load    floor, worker, … half as often, then a counted worker
              5 s pipelines, steady     the counted worker
              3–7 s pipelines, steady   the counted worker: nobody can know when they end
    stack 3   many jobs in flight       worker

Floor and worker take turns, so that whatever else the machine does meets both alike. CPU time is
never taken from a worker that counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.figures import InFlight, Series
from bench.load import Photos
from bench.machine import machine_facts
from bench.result import BenchResult
from bench.session import OUTPUT_BYTES, bench_session
from bench.targets import BURST, FIVE_BURST, FIVE_STEADY, SPREAD_STEADY

PIPELINE_S = 5.0
SPREAD_S = 2.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        jobs: per repetition, of every load.
        repetitions: turns of floor and worker with zero-length pipelines.
        steady_per_s: requests a second of the steady load; above what the machine can take, the
            lag is only a queue's length.
        in_flight: jobs of the last part; 0 leaves it out.
    """

    jobs: int = 60
    repetitions: int = 4
    steady_per_s: float = 4.0
    in_flight: int = 1000


def run(effort: Effort, tell: Tell) -> BenchResult:
    """Measures everything; `tell` hears what comes next."""
    begun_s = time.monotonic()
    machine = machine_facts()
    series = {name: Series() for name in (BURST, FIVE_BURST, FIVE_STEADY, SPREAD_STEADY)}
    photos = _zero_length(effort, series[BURST], tell)
    _five_seconds(effort, series, tell)
    in_flight = _in_flight(effort, tell) if effort.in_flight else None
    return BenchResult(
        machine=machine,
        setup={
            "jobs": effort.jobs,
            "repetitions": effort.repetitions,
            "steadyPerSecond": effort.steady_per_s,
            "inputBytes": [photos.pose_bytes, photos.garment_bytes],
            "outputBytes": OUTPUT_BYTES,
        },
        figures={name: one.figures() for name, one in series.items()},
        in_flight=in_flight,
        took_s=time.monotonic() - begun_s,
    )


def _zero_length(effort: Effort, series: Series, tell: Tell) -> Photos:
    with bench_session(duration_s=0) as session:
        session.start_worker()
        for number in range(1, effort.repetitions + 1):
            tell(f"{BURST}: {number} of {effort.repetitions}, {effort.jobs} jobs, floor and worker")
            series.floor.append(session.floor(jobs=effort.jobs // 2))
            series.worker.append(session.measure(effort.jobs))
        tell(f"{BURST}: once more, counting the calls")
        session.start_worker(is_counted=True)
        series.worker.append(session.measure(effort.jobs))
        return session.photos


def _five_seconds(effort: Effort, series: dict[str, Series], tell: Tell) -> None:
    burst, steady, spread = series[FIVE_BURST], series[FIVE_STEADY], series[SPREAD_STEADY]
    with bench_session(duration_s=PIPELINE_S) as session:
        session.start_worker()
        tell(f"{FIVE_BURST}: {effort.jobs} jobs, floor and worker")
        for _ in range(max(1, effort.repetitions // 2)):
            burst.floor.append(session.floor(jobs=effort.jobs // 2))
            burst.worker.append(session.measure(effort.jobs))
        tell(f"{FIVE_BURST}: once more, counting the calls")
        session.start_worker(is_counted=True)
        burst.worker.append(session.measure(effort.jobs))
        tell(f"{FIVE_STEADY}: {effort.jobs} jobs, {effort.steady_per_s:g} a second")
        steady.worker.append(session.measure(effort.jobs, per_s=effort.steady_per_s))
        tell(f"{SPREAD_STEADY}: the same")
        session.take(PIPELINE_S - SPREAD_S, PIPELINE_S + SPREAD_S)
        spread.worker.append(session.measure(effort.jobs, per_s=effort.steady_per_s))


def _in_flight(effort: Effort, tell: Tell) -> InFlight:
    with bench_session(duration_s=0) as session:
        session.start_worker()
        tell(f"in flight: {effort.in_flight:,} jobs")
        return session.measure_in_flight(effort.in_flight)
