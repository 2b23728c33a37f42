"""One bench of waiting: deploy, a load nobody has learned from, a load like any other, batches.

deploy ──► reconcile, by hand ──► first jobs (cold) ──► jobs ──► polls by hand, in batches
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.arrivals import Arrivals
from bench.load import Load, Photos
from bench.machine import machine_facts
from bench.session import OUTPUT_BYTES
from bench.waiting.batches import BatchShare, measure_batches
from bench.waiting.deployed import Deployed, native_package
from bench.waiting.invocations import PerJob, per_job
from sandbox.local import LocalStack
from sandbox.samples import write_samples

_JOB_DEADLINE_S = 5.0
_START_DEADLINE_S = 180.0
_DRAIN_S = 60.0
_RECONCILE_RUNS = 3

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured.

    Attributes:
        jobs: of the load that counts.
        first_jobs: before it, while no environment has seen how long pipelines take.
        per_s: requests a second.
        pipeline_s: how long the pipelines take; real seconds.
        spread_s: how much longer or shorter single ones take, evenly drawn.
    """

    jobs: int = 200
    first_jobs: int = 20
    per_s: float = 2.0
    pipeline_s: float = 60.0
    spread_s: float = 0.0

    @property
    def pipelines(self) -> str:
        """How long they take, in words."""
        spread = f" ± {self.spread_s:g}" if self.spread_s else ""
        return f"{self.pipeline_s:g}{spread} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one bench found.

    Attributes:
        machine: see `machine_facts`.
        plan: what was measured.
        first: the first jobs, cold starts included.
        load: the load that counts.
        batches: polls by hand.
        reconcile_s: billed seconds of a run of `reconcile`, reckoned.
        took_s: the whole bench.
    """

    machine: Mapping[str, Any]
    plan: Plan
    first: PerJob
    load: PerJob
    batches: list[BatchShare]
    reconcile_s: float
    took_s: float

    def to_json(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self)


def measure(plan: Plan, tell: Tell) -> Found:
    """Measures everything; `tell` hears what comes next."""
    begun_s = time.monotonic()
    machine = machine_facts()
    package = native_package()
    options = {
        "durationSeconds": [plan.pipeline_s - plan.spread_s, plan.pipeline_s + plan.spread_s],
        "drawing": "flat",
        "flatPadBytes": OUTPUT_BYTES,
        "balance": "1000000",
    }
    with (
        tempfile.TemporaryDirectory(prefix="hautech-bench-") as scratch,
        LocalStack(workers=0, standin_options=options) as stack,
        Arrivals(stack.aws.client("sqs"), stack.events_queue_url) as arrivals,
    ):
        folder = Path(scratch)
        tell("deploying serverless.yml")
        deployed = Deployed(stack, package, folder)
        # First, because it says at once when no function can start.
        runs = [deployed.invoke("reconcile", {}).reckoned_ms for _ in range(_RECONCILE_RUNS)]
        load = _load(stack, folder)
        tell(f"{plan.first_jobs} first jobs, {plan.pipelines} each")
        first = _through(stack, deployed, arrivals, load, plan, plan.first_jobs)
        tell(f"{plan.jobs} jobs, {plan.per_s:g} a second")
        counted = _through(stack, deployed, arrivals, load, plan, plan.jobs)
        tell("polls by hand, in batches")
        batches = measure_batches(stack, deployed, load)
    return Found(
        machine=machine,
        plan=plan,
        first=first,
        load=counted,
        batches=batches,
        reconcile_s=statistics.median(runs) / 1000,
        took_s=time.monotonic() - begun_s,
    )


def _load(stack: LocalStack, folder: Path) -> Load:
    samples = write_samples(folder)
    return Load(
        stack,
        Photos(
            pose_uri=stack.upload(samples.pose),
            garment_uri=stack.upload(samples.garment),
            pose_bytes=samples.pose.stat().st_size,
            garment_bytes=samples.garment.stat().st_size,
        ),
    )


def _through(
    stack: LocalStack, deployed: Deployed, arrivals: Arrivals, load: Load, plan: Plan, jobs: int
) -> PerJob:
    before = len(deployed.invocations())
    requests = load.requests(jobs)
    load.send_steadily(requests, per_s=plan.per_s)
    arrivals.wait_for(
        [request["requestId"] for request in requests],
        deadline_s=_START_DEADLINE_S + plan.pipeline_s + _JOB_DEADLINE_S * jobs,
        check=stack.check,
    )
    stack.wait_for(load.is_drained, deadline_s=_DRAIN_S)
    return per_job(deployed.invocations()[before:], jobs)
