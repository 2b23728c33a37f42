"""From the notes of the probe to figures per job: invocations, milliseconds, requests. Pure."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MEMORY_MB: Final = 512
"""Of the functions, as serverless.yml has it."""

MB_PER_VCPU: Final = 1769
"""Memory with which a function has one vCPU (Source: Lambda guide, "Configure memory")."""

CONCURRENCY: Final = 32
"""Messages of a batch that are worked on at once (`WORKER_CONCURRENCY`)."""

LATENCY_MS: Final[Mapping[str, float]] = {
    "dynamodb": 10.0,
    "sqs": 15.0,
    "sns": 30.0,
    "s3": 60.0,
    "secrets-manager": 50.0,
    "hautech.api": 200.0,
    "hautech.media": 800.0,
    "dynamodb.writeUnits": 0.0,
}
"""Assumed, on the slow side: a call within the region, a call to Hautech, a picture to or from it."""

SQS_BATCH: Final = 10
"""Most messages of one SQS request (Source: SQS API)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One invocation, as the probe saw it.

    Attributes:
        function: `requests`, `polls` or `reconcile`.
        at_s: when it began, in seconds since 1970.
        ms: in the handler.
        cpu_ms: of that, on a CPU.
        init_ms: of its environment before it; 0 unless it was the first one there.
        init_cpu_ms: of that, on a CPU.
        records: messages it was given.
        kept: those that were handed back.
        calls: `sqs.SendMessage` and the like -> requests that left the SDK.
    """

    function: str
    at_s: float
    ms: float
    cpu_ms: float
    init_ms: float
    init_cpu_ms: float
    records: int
    kept: int
    calls: Mapping[str, int]

    @property
    def is_waiting(self) -> bool:
        """Whether it did nothing but find that nothing had ended."""
        return self.function == "polls" and self.records == self.kept > 0

    @property
    def billed_ms(self) -> int:
        """Init and handler, rounded up to a millisecond, as they were here.

        Source: Lambda pricing; init is billed since August 2025 (AWS Compute Blog, 29 April 2025).
        """
        return math.ceil(self.init_ms + self.ms)

    @property
    def reckoned_ms(self) -> int:
        """What Lambda would bill, from what does not depend on how busy this machine is.

        The time on a CPU, as long as it takes with the share of one that `MEMORY_MB` gives, plus a
        wait for each counted call (`LATENCY_MS`). An upper bound as far as these hold: much of it
        runs side by side, and init has more than its share.
        """
        waits_ms = sum(
            count * LATENCY_MS.get(call, LATENCY_MS.get(call.partition(".")[0], 0.0))
            for call, count in self.calls.items()
        )
        at_once = min(max(self.records, 1), CONCURRENCY)
        on_cpu_ms = (self.cpu_ms + self.init_cpu_ms) * MB_PER_VCPU / MEMORY_MB
        return math.ceil(on_cpu_ms + waits_ms / at_once)

    @property
    def sqs_requests(self) -> int:
        """Its own requests, and those that Lambda makes for it: receiving, and deleting the done."""
        own = sum(count for call, count in self.calls.items() if call.startswith("sqs."))
        done = self.records - self.kept
        return own + math.ceil(self.records / SQS_BATCH) + math.ceil(done / SQS_BATCH)


def parse_lines(text: str) -> list[Invocation]:
    """What the probe wrote; a last line without its end is still being written and is left out."""
    return [
        Invocation(
            function=line["function"],
            at_s=line["at"],
            ms=line["ms"],
            cpu_ms=line["cpuMs"],
            init_ms=line["initMs"],
            init_cpu_ms=line["initCpuMs"],
            records=line["records"],
            kept=line["kept"],
            calls=line["calls"],
        )
        for line in map(json.loads, text[: text.rfind("\n") + 1].splitlines())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a kind of invocations comes to per job.

    Attributes:
        invocations: of that kind.
        records: messages in one, on average.
        handler_ms: of one, on average.
        cpu_ms: the same on a CPU, init left out.
        inits: environments that began with one of them.
        billed_s: as measured here.
        reckoned_s: billed seconds as Lambda would count them (see `Invocation.reckoned_ms`).
        sqs_requests: those of Lambda for it included.
    """

    invocations: float
    records: float
    handler_ms: float
    cpu_ms: float
    inits: int
    billed_s: float
    reckoned_s: float
    sqs_requests: float


def share_of(invocations: Iterable[Invocation], jobs: int) -> Share:
    """Figures per job; all zero when there were no invocations."""
    found = list(invocations)
    count = max(1, len(found))
    return Share(
        invocations=len(found) / jobs,
        records=sum(one.records for one in found) / count,
        handler_ms=sum(one.ms for one in found) / count,
        cpu_ms=sum(one.cpu_ms for one in found) / count,
        inits=sum(one.init_ms > 0 for one in found),
        billed_s=sum(one.billed_ms for one in found) / 1000 / jobs,
        reckoned_s=sum(one.reckoned_ms for one in found) / 1000 / jobs,
        sqs_requests=sum(one.sqs_requests for one in found) / jobs,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PerJob:
    """One load of jobs, by what the invocations were for.

    Attributes:
        jobs: how many.
        staging: invocations of `requests`: accept, upload, submit.
        waiting: invocations of `polls` in which nothing had ended.
        collecting: the other ones of `polls`.
        pending_polls: polls that found a pipeline pending, those in company of one that had ended
            included.
        calls: `s3.PutObject` and the like -> requests per job.
    """

    jobs: int
    staging: Share
    waiting: Share
    collecting: Share
    pending_polls: float
    calls: Mapping[str, float]

    @property
    def parts(self) -> Mapping[str, Share]:
        """Name -> figures."""
        return {
            "staging": self.staging,
            "waiting": self.waiting,
            "collecting": self.collecting,
        }

    @property
    def billed_s(self) -> float:
        """Of all of them, as measured here."""
        return sum(one.billed_s for one in self.parts.values())

    @property
    def reckoned_s(self) -> float:
        """Of all of them, as Lambda would count them."""
        return sum(one.reckoned_s for one in self.parts.values())

    @property
    def work_s(self) -> float:
        """Staging and collecting, reckoned: what one who sleeps in between does as well."""
        return self.staging.reckoned_s + self.collecting.reckoned_s

    @property
    def invocations(self) -> float:
        """Of all functions."""
        return sum(one.invocations for one in self.parts.values())

    @property
    def sqs_requests(self) -> float:
        """Of all functions, those of Lambda included; not the producer's own."""
        return sum(one.sqs_requests for one in self.parts.values())


def per_job(invocations: Sequence[Invocation], jobs: int) -> PerJob:
    """The figures of a load of that many jobs, from the invocations meanwhile.

    Those of `reconcile` are left out: it runs by the clock, jobs or none.
    """
    calls: Counter[str] = Counter()
    for one in invocations:
        if one.function != "reconcile":
            calls.update(one.calls)
    polls = [one for one in invocations if one.function == "polls"]
    return PerJob(
        jobs=jobs,
        staging=share_of((one for one in invocations if one.function == "requests"), jobs),
        waiting=share_of((one for one in polls if one.is_waiting), jobs),
        collecting=share_of((one for one in polls if not one.is_waiting), jobs),
        pending_polls=sum(one.kept for one in polls) / jobs,
        calls={call: count / jobs for call, count in sorted(calls.items())},
    )
