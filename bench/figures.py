"""From what was observed to numbers that can be compared: medians, percentiles, figures per job.

Pure: no process, no network, no clock.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

POLL_ROUTES = ("pipelines.status", "pipelines.get")
"""Routes of the stand-in that tell how a pipeline stands: a call of any of them is a poll."""

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One load of jobs that went through one worker process.

    Attributes:
        jobs: how many.
        wall_s: from the first request sent to the last event received.
        cpu_s: user and system time of the worker process meanwhile, and until its queues were
            empty; None where the worker counted its AWS calls, which costs time of its own.
        peak_rss_bytes: most resident memory that was seen.
        peak_threads: most threads that were seen.
        hautech_calls: route of the stand-in -> requests.
        aws_calls: `sqs.ReceiveMessage` and the like -> requests, repeated ones included; None
            where nobody counted.
        lags_s: for each job, from the end of its last pipeline to the arrival of its event.
    """

    jobs: int
    wall_s: float
    cpu_s: float | None
    peak_rss_bytes: int
    peak_threads: int
    hautech_calls: Mapping[str, int]
    aws_calls: Mapping[str, int] | None
    lags_s: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorObserved:
    """Jobs done by hand in one process: the bare calls and nothing else."""

    jobs: int
    wall_s: float
    cpu_s: float

    @property
    def cpu_ms_per_job(self) -> float:
        """CPU time of one job, in milliseconds."""
        return 1000 * self.cpu_s / self.jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one load comes to, over all its repetitions. None: not measured.

    Attributes:
        jobs_per_s: median.
        cpu_ms_per_job: median, of the worker process.
        floor_cpu_ms_per_job: median, of the bare calls.
        cpu_ratio: CPU per job as a multiple of the floor's; the median over pairs of a floor and
            the worker's turn right after it, since the speed of a shared machine drifts.
        hautech_calls: route -> calls per job.
        aws_calls: operation -> calls per job.
        polls_per_job: calls of `POLL_ROUTES` per job.
        lag_p50_s: of all jobs of all repetitions.
        lag_p95_s: the same.
        peak_rss_bytes: of all repetitions.
        peak_threads: of all repetitions.
    """

    jobs_per_s: float
    cpu_ms_per_job: float | None
    floor_cpu_ms_per_job: float | None
    cpu_ratio: float | None
    hautech_calls: Mapping[str, float]
    aws_calls: Mapping[str, float] | None
    polls_per_job: float
    lag_p50_s: float
    lag_p95_s: float
    peak_rss_bytes: int
    peak_threads: int

    @property
    def sqs_per_job(self) -> float | None:
        """SQS requests per job, of whatever kind."""
        if self.aws_calls is None:
            return None
        return sum(calls for name, calls in self.aws_calls.items() if name.startswith("sqs."))


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """A worker with many jobs whose pipelines are all pending.

    Attributes:
        wanted: jobs that were sent.
        pending: pipelines that were pending at once when the last one had been started.
        peak_rss_bytes: most resident memory from the start of the load on.
        peak_threads: the same for threads.
        rss_before_bytes: resident memory of the warm worker before the load.
        intake_s: from the first request sent to the last pipeline started.
    """

    wanted: int
    pending: int
    peak_rss_bytes: int
    peak_threads: int
    rss_before_bytes: int
    intake_s: float


@dataclass(slots=True)
class Series:
    """What was observed of one kind of load.

    Attributes:
        worker: turn by turn.
        floor: the floor before the first turns of the worker, in the same order.
    """

    worker: list[Observed] = field(default_factory=list)
    floor: list[FloorObserved] = field(default_factory=list)

    def figures(self) -> Figures:
        """All repetitions in one; raises ValueError when there was none."""
        if not self.worker:
            raise ValueError("figures: nothing was observed")
        timed = [run for run in self.worker if run.cpu_s is not None] or self.worker
        cpu_ms = [1000 * run.cpu_s / run.jobs for run in self.worker if run.cpu_s is not None]
        counted = [run for run in self.worker if run.aws_calls is not None]
        lags_s = [lag_s for run in timed for lag_s in run.lags_s]
        hautech = _per_job((run.jobs, run.hautech_calls) for run in self.worker)
        return Figures(
            jobs_per_s=statistics.median(run.jobs / run.wall_s for run in timed),
            cpu_ms_per_job=statistics.median(cpu_ms) if cpu_ms else None,
            floor_cpu_ms_per_job=(
                statistics.median(one.cpu_ms_per_job for one in self.floor) if self.floor else None
            ),
            cpu_ratio=self._cpu_ratio(),
            hautech_calls=hautech,
            aws_calls=(
                _per_job((run.jobs, run.aws_calls or {}) for run in counted) if counted else None
            ),
            polls_per_job=sum(hautech.get(route, 0.0) for route in POLL_ROUTES),
            lag_p50_s=percentile(lags_s, 50),
            lag_p95_s=percentile(lags_s, 95),
            peak_rss_bytes=max(run.peak_rss_bytes for run in self.worker),
            peak_threads=max(run.peak_threads for run in self.worker),
        )

    def _cpu_ratio(self) -> float | None:
        ratios = [
            1000 * run.cpu_s / run.jobs / floor.cpu_ms_per_job
            for floor, run in zip(self.floor, self.worker, strict=False)  # the floor counts nothing
            if run.cpu_s is not None
        ]
        return statistics.median(ratios) if ratios else None


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that at least `percent` (0–100) % of all values do not exceed.

    Always one of the values (nearest rank), so a single slow job is not averaged away.
    Raises ValueError when there are no values.
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("percentile: there are no values")
    rank = math.ceil(percent / 100 * len(ordered))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What was added between two readings of counters; names that did not move are left out."""
    added = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in sorted(added.items()) if count}


def lags_s(
    pipelines_of: Mapping[str, Sequence[str]],
    arrived_at: Mapping[str, datetime],
    ended_at: Mapping[str, datetime],
) -> list[float]:
    """For each job, seconds from the end of its last pipeline to the arrival of its event.

    Args:
        pipelines_of: request id -> ids of its pipelines.
        arrived_at: request id -> when its event came.
        ended_at: pipeline id -> when it ended.

    Raises KeyError for a job whose event or pipeline is unknown: a number about the others only
    would look better than the truth.
    """
    return [
        (arrived_at[request_id] - max(ended_at[one] for one in pipeline_ids)).total_seconds()
        for request_id, pipeline_ids in pipelines_of.items()
    ]


def _per_job(runs: Iterable[tuple[int, Mapping[str, int]]]) -> dict[str, float]:
    jobs = 0
    totals: dict[str, int] = {}
    for run_jobs, calls in runs:
        jobs += run_jobs
        for name, count in calls.items():
            totals[name] = totals.get(name, 0) + count
    return {name: count / jobs for name, count in sorted(totals.items())}
