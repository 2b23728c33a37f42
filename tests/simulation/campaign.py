"""Many seeds, on several processors, and what they came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.simulation.running import run_seed

CHUNK = 50
"""Seeds per piece of work of one processor."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Which runs: so many seeds from `first` on, without batches or with some."""

    first: int
    count: int
    has_batches: bool = False


@dataclass
class CampaignResult:
    """The sum of many runs. Nothing is proven unless `violations` is empty."""

    first: int
    has_batches: bool = False
    seeds: int = 0
    messages: int = 0
    jobs: int = 0
    batches: int = 0
    kills: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """What was injected, by call and kind."""
    paid_twice: Counter[str] = field(default_factory=Counter)
    """Second pipelines of a step that nobody could have avoided, by the reason."""
    violations: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """By seed."""

    def add(self, other: CampaignResult) -> None:
        """Takes another result in."""
        self.seeds += other.seeds
        self.messages += other.messages
        self.jobs += other.jobs
        self.batches += other.batches
        self.kills += other.kills
        self.calls += other.calls
        self.faults += other.faults
        self.paid_twice += other.paid_twice
        self.violations |= other.violations

    def replay_command(self, seed: int) -> str:
        """What tells the whole story of a seed."""
        batches = " --batches" if self.has_batches else ""
        return f"python -m tests.simulation --seed {seed}{batches} --verbose"

    def to_markdown(self) -> str:
        """A section for the page of faults: figures, faults by kind, violations if there are any."""
        lines = [
            "| simulation | |",
            "| --- | ---: |",
            f"| seeds | {self.seeds:,} (from {self.first:,}) |",
            f"| messages sent | {self.messages:,} |",
            f"| jobs | {self.jobs:,} |",
            *([f"| batches | {self.batches:,} |"] if self.has_batches else []),
            f"| outside calls and answers | {self.calls:,} |",
            f"| faults injected | {self.faults.total():,} |",
            f"| workers killed | {self.kills:,} |",
            f"| paid twice, and nobody could know | {self.paid_twice.total():,} |",
            f"| violations | {sum(map(len, self.violations.values())):,} |",
        ]
        for title, counter in (
            ("paid twice because", self.paid_twice),
            ("fault", self._by_kind()),
        ):
            lines += ["", f"| {title} | times |", "| --- | ---: |"]
            lines += [f"| {what} | {times:,} |" for what, times in sorted(counter.items())]
        if self.violations:
            lines += ["", "| seed | violation |", "| ---: | --- |"]
            for seed, found in sorted(self.violations.items()):
                lines += [f"| {seed} | {what} |" for what in found]
        return "\n".join(lines) + "\n"

    def _by_kind(self) -> Counter[str]:
        kinds: Counter[str] = Counter()
        for what, times in self.faults.items():
            call, _, name = what.partition(": ")
            kinds[f"{call}: {name}" if call == "outage" else name] += times
        return kinds


def run_chunk(seeds: Seeds) -> CampaignResult:
    """So many seeds in this process."""
    result = CampaignResult(seeds.first, seeds.has_batches)
    for seed in range(seeds.first, seeds.first + seeds.count):
        run = run_seed(seed, has_batches=seeds.has_batches)
        result.seeds += 1
        result.messages += run.messages
        result.jobs += run.jobs
        result.batches += run.batches
        result.kills += run.kills
        result.calls += len(run.story)
        result.faults += run.faults
        result.paid_twice += Counter(one.because for one in run.paid_twice)
        if run.violations:
            result.violations[seed] = run.violations
    return result


def run_campaign(seeds: Seeds, processes: int) -> CampaignResult:
    """All of them, spread over so many processes."""
    result = CampaignResult(seeds.first, seeds.has_batches)
    for part in _parts(seeds, processes):
        result.add(part)
    return result


def _parts(seeds: Seeds, processes: int) -> Iterator[CampaignResult]:
    end = seeds.first + seeds.count
    chunks = [
        Seeds(first, min(CHUNK, end - first), seeds.has_batches)
        for first in range(seeds.first, end, CHUNK)
    ]
    if processes < 2:
        yield from map(run_chunk, chunks)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_chunk, chunks)
