"""The aims of the bench, and whether the figures meet them. Pure.

A missed aim fails nothing: speed depends on the machine. It is there to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import MB, Figures, InFlight

BURST, FIVE_BURST = "0 s, at load", "5 s, at load"
FIVE_STEADY, SPREAD_STEADY = "5 s, steady", "3–7 s, steady"
"""The loads: how long the pipelines take, and whether all jobs come at once or at a steady rate."""

MAX_CPU_RATIO = 1.5
MAX_SQS_PER_JOB = 0.6
MAX_POLLS = 3.0
MAX_LAG_P50_S = 0.7
MAX_RSS_BYTES = 120 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One aim: what was wanted, what was found. `found` is None when it was not measured."""

    aim: str
    most: float
    found: float | None
    unit: str = ""

    @property
    def is_met(self) -> bool | None:
        """None when it was not measured."""
        return None if self.found is None else self.found <= self.most


def verdicts(figures: Mapping[str, Figures], in_flight: InFlight | None) -> list[Verdict]:
    """All aims, in the order of the page; what was not measured is among them."""

    def of(load: str, name: str) -> float | None:
        found = getattr(figures[load], name) if load in figures else None
        return None if found is None else float(found)

    rss_mb = None
    if in_flight is not None and in_flight.pending == in_flight.wanted:
        rss_mb = in_flight.peak_rss_bytes / MB
    count = f"{in_flight.wanted:,}" if in_flight else "1,000"
    return [
        *(
            Verdict(
                aim=f"CPU per job, as a multiple of the floor ({load})",
                most=MAX_CPU_RATIO,
                found=of(load, "cpu_ratio"),
                unit="×",
            )
            for load in (BURST, FIVE_BURST)
        ),
        *(
            Verdict(
                aim=f"SQS requests per job ({load})",
                most=MAX_SQS_PER_JOB,
                found=of(load, "sqs_per_job"),
            )
            for load in (BURST, FIVE_BURST)
        ),
        Verdict(
            aim=f"polls per pipeline ({FIVE_STEADY})",
            most=MAX_POLLS,
            found=of(FIVE_STEADY, "polls_per_job"),
        ),
        Verdict(
            aim=f"lag from pipeline end to event, p50 ({FIVE_STEADY})",
            most=MAX_LAG_P50_S,
            found=of(FIVE_STEADY, "lag_p50_s"),
            unit="s",
        ),
        Verdict(
            aim=f"peak resident memory with {count} jobs in flight",
            most=MAX_RSS_BYTES / MB,
            found=rss_mb,
            unit="MB",
        ),
    ]
