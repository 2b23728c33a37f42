"""What a load costs at list prices, beside a function that sleeps, and beside a task on Fargate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.waiting import prices
from bench.waiting.invocations import MEMORY_MB, PerJob

IDLE_POLLERS: Final = 5
"""Long polls that Lambda keeps open on a queue. It goes down to 2 on a quiet one, but not with a
maximum concurrency set (Source: Lambda guide, "Configuring scaling behavior for SQS")."""

LONG_POLL_S: Final = 20
"""The longest wait of a receive (Source: SQS API, WaitTimeSeconds)."""

QUEUES: Final = 2

INDEX_UNITS: Final = 2
"""Write units of the index byState per write, at most: one entry goes, one comes."""

RECONCILE_EVERY_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """US dollars per 1,000 jobs, by what is paid."""

    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of them."""
        return sum(self.parts.values())

    @property
    def compute(self) -> float:
        """Of them, what would not be paid on Fargate."""
        return sum(cost for name, cost in self.parts.items() if name.startswith("Lambda"))


def lambda_usd(billed_s: float, invocations: float) -> float:
    """Of functions with `MEMORY_MB`."""
    return billed_s * MEMORY_MB / 1024 * prices.LAMBDA_GB_S + invocations * prices.LAMBDA_REQUEST


def costs_of(load: PerJob) -> Costs:
    """Of the worker, with reckoned seconds and counted requests."""
    calls = load.calls
    writes = sum(calls.get(f"dynamodb.{name}", 0.0) for name in ("PutItem", "UpdateItem"))
    units = calls.get("dynamodb.writeUnits", 0.0) + INDEX_UNITS * writes
    duration = lambda_usd(load.reckoned_s, 0.0)
    return _per_thousand(
        {
            "Lambda, duration": duration,
            "Lambda, invocations": lambda_usd(0.0, load.invocations),
            "SQS": load.sqs_requests * prices.SQS_REQUEST,
            "DynamoDB": units * prices.DYNAMODB_WRITE
            + calls.get("dynamodb.GetItem", 0.0) * prices.DYNAMODB_READ,
            "SNS": calls.get("sns.Publish", 0.0) * prices.SNS_PUBLISH,
            "S3": calls.get("s3.PutObject", 0.0) * prices.S3_PUT
            + sum(calls.get(f"s3.{name}", 0.0) for name in ("GetObject", "HeadObject"))
            * prices.S3_GET,
        }
    )


def costs_of_sleeping(load: PerJob, pipeline_s: float) -> Costs:
    """Of one function that does the same staging and collecting and sleeps in between.

    It keeps no record and counts no poll: that is to its advantage. S3 and SNS are the same; the
    queue brings it a message and loses it.
    """
    worker = costs_of(load).parts
    return _per_thousand(
        {
            "Lambda, duration": lambda_usd(pipeline_s + load.work_s, 0.0),
            "Lambda, invocations": lambda_usd(0.0, 1.0),
            "SQS": 2 * prices.SQS_REQUEST,
            "DynamoDB": 0.0,
            "SNS": worker["SNS"] / 1000,
            "S3": worker["S3"] / 1000,
        }
    )


def _per_thousand(per_job: Mapping[str, float]) -> Costs:
    return Costs(parts={name: 1000 * cost for name, cost in per_job.items()})


def idle_sqs_requests_per_month() -> float:
    """Long polls of the two event source mappings when there is nothing to do."""
    month_s = prices.MONTH_H * 3600
    return QUEUES * IDLE_POLLERS * month_s / LONG_POLL_S


def idle_usd_per_month(reconcile_s: float) -> float:
    """What an idle stage on Lambda costs: long polls and `reconcile`, which takes that long."""
    runs = prices.MONTH_H * 3600 / RECONCILE_EVERY_S
    return idle_sqs_requests_per_month() * prices.SQS_REQUEST + lambda_usd(runs * reconcile_s, runs)


def fargate_usd_per_month(*, is_spot: bool, vcpu: float = 0.25, memory_gb: float = 0.5) -> float:
    """One task that always runs, with a public address to reach Hautech from."""
    task = vcpu * prices.FARGATE_VCPU_H + memory_gb * prices.FARGATE_GB_H
    share = prices.FARGATE_SPOT_SHARE if is_spot else 1.0
    return (task * share + prices.PUBLIC_IPV4_H) * prices.MONTH_H


def break_even_jobs_per_month(load: PerJob, reconcile_s: float, *, is_spot: bool) -> float:
    """With more jobs a month than this, the task is cheaper. 0: it always is.

    Compared is what differs: the functions with their idle costs against the task. Both pay the
    same for S3, SNS and DynamoDB. The task's own long polls are set against the functions' requests.
    """
    left = fargate_usd_per_month(is_spot=is_spot) - idle_usd_per_month(reconcile_s)
    return max(0.0, 1000 * left / costs_of(load).compute)
