"""A seed becomes a run."""

from __future__ import annotations

import random

from tests.simulation.batch_sizes import small_batches
from tests.simulation.batch_workload import draw_batches
from tests.simulation.invariants import violations_of
from tests.simulation.service import Run, SimService, watched_logs


def run_seed(seed: int, *, has_batches: bool = False) -> Run:
    """One run from beginning to end. The same seed gives the same run, to the last detail.

    Batches are sent besides, if asked for: they take several times as long.
    """
    rng = random.Random(f"batches {seed}")
    service = SimService(seed, batches=draw_batches(rng) if has_batches else ())
    with watched_logs(service.leaks), small_batches(rng):
        is_drained = service.run()
    return Run(
        seed=seed,
        violations=tuple(violations_of(service, is_drained=is_drained)),
        paid_twice=tuple(service.witness.paid_twice),
        story=tuple(service.witness.story),
        faults=service.storm.met,
        kills=service.witness.kills,
        jobs=len(service.store.all_jobs()),
        batches=len(service.batches.all_batches()),
        messages=len(service.sent) + sum(len(plan.sent) for plan in service.plans),
        lasted_s=service.scheduler.now_s,
    )
