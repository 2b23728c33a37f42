"""Everything one bench found, as one value and as the JSON document of `build/bench.json`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.figures import Figures, InFlight
from bench.targets import Verdict, verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """What was measured, on what, with what.

    Attributes:
        machine: see `machine_facts`.
        setup: how many jobs, how often, how large the pictures.
        figures: by load, in the order of the page.
        in_flight: None when it was not measured.
        took_s: the whole bench.
    """

    machine: Mapping[str, Any]
    setup: Mapping[str, Any]
    figures: Mapping[str, Figures]
    in_flight: InFlight | None
    took_s: float

    def verdicts(self) -> list[Verdict]:
        """The aims."""
        return verdicts(self.figures, self.in_flight)

    def to_json(self) -> dict[str, Any]:
        """Plain values only; times and sizes have their unit in their name."""
        return {
            "machine": dict(self.machine),
            "setup": dict(self.setup),
            "loads": {load: _figures(one) for load, one in self.figures.items()},
            "inFlight": _in_flight(self.in_flight),
            "targets": [
                {"aim": one.aim, "most": one.most, "found": one.found, "isMet": one.is_met}
                for one in self.verdicts()
            ],
            "tookSeconds": round(self.took_s, 1),
        }


def _figures(one: Figures) -> dict[str, Any]:
    return {
        "jobsPerSecond": one.jobs_per_s,
        "cpuMsPerJob": one.cpu_ms_per_job,
        "floorCpuMsPerJob": one.floor_cpu_ms_per_job,
        "cpuRatio": one.cpu_ratio,
        "hautechCallsPerJob": dict(one.hautech_calls),
        "awsCallsPerJob": None if one.aws_calls is None else dict(one.aws_calls),
        "sqsRequestsPerJob": one.sqs_per_job,
        "pollsPerJob": one.polls_per_job,
        "lagP50Seconds": one.lag_p50_s,
        "lagP95Seconds": one.lag_p95_s,
        "peakRssBytes": one.peak_rss_bytes,
        "peakThreads": one.peak_threads,
    }


def _in_flight(one: InFlight | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "jobs": one.wanted,
        "pendingAtOnce": one.pending,
        "peakRssBytes": one.peak_rss_bytes,
        "rssBeforeBytes": one.rss_before_bytes,
        "peakThreads": one.peak_threads,
        "intakeSeconds": one.intake_s,
    }
