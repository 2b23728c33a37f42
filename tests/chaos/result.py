"""What a run of chaos came to: numbers for people, and the violations, of which there must be none."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosResult:
    """One run.

    Attributes:
        seed: of all dice.
        jobs: requests that were asked for.
        workers: size of the crew.
        took_s: from the first message to the last check.
        storm_s: of that, with signals and hostile proxies.
        drain_s: from the end of the storm until nothing was left to do.
        messages_sent: request messages, copies included.
        poll_copies: copies of poll messages that were sent.
        processes: worker processes that were started.
        signals: how often each was sent.
        mischief: what the proxies did, and the number of exchanges that went through them.
        endings: how many requests ended in which way.
        runs: pipelines that Hautech was paid for.
        events: events that arrived, copies included.
        given_up: requests whose paid call was lost twice before Hautech heard of it.
        adopted: lost runs that were found again.
        stop_s: for each SIGTERM, the seconds to the exit, where nothing froze the process.
        violations: sentences; empty when all promises held.
        folder: where everything is kept that a person needs.
    """

    seed: int
    jobs: int
    workers: int
    took_s: float
    storm_s: float
    drain_s: float
    messages_sent: int
    poll_copies: int
    processes: int
    signals: Mapping[str, int]
    mischief: Mapping[str, int]
    endings: Mapping[str, int]
    runs: int
    events: int
    given_up: int
    adopted: int
    stop_s: Sequence[float]
    violations: Sequence[str]
    folder: Path

    def to_markdown(self) -> str:
        """A table for people, and the violations if there are any."""
        rows = {
            "seed": str(self.seed),
            "requests": f"{self.jobs}, sent {self.messages_sent} times; {self.poll_copies} copies of poll messages",
            "worker processes": f"{self.workers} at a time, {self.processes} in all",
            "signals": _counted(self.signals),
            "exchanges through the proxies": _counted(self.mischief),
            "endings as foreseen": _counted(self.endings),
            "of these given up, the paid call lost twice": str(self.given_up),
            "pipelines paid": str(self.runs),
            "lost runs found again": str(self.adopted),
            "events": f"{self.events}, copies included",
            "SIGTERM to exit": self._stops(),
            "time": f"storm {self.storm_s:.0f} s, then {self.drain_s:.0f} s to drain; {self.took_s:.0f} s in all",
            "violations": str(len(self.violations)),
        }
        lines = ["| chaos | |", "| --- | --- |", *(f"| {k} | {v} |" for k, v in rows.items())]
        if self.violations:
            lines += ["", *(f"- {sentence}" for sentence in self.violations)]
        return "\n".join(lines) + "\n"

    def _stops(self) -> str:
        if not self.stop_s:
            return "none"
        return (
            f"{len(self.stop_s)} times: median {statistics.median(self.stop_s):.1f} s, "
            f"longest {max(self.stop_s):.1f} s"
        )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
