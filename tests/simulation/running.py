"""A seed becomes a run."""

from __future__ import annotations

from tests.simulation.invariants import violations_of
from tests.simulation.service import Run, SimService, watched_logs


def run_seed(seed: int) -> Run:
    """One run from beginning to end. The same seed gives the same run, to the last detail."""
    service = SimService(seed)
    with watched_logs(service.leaks):
        is_drained = service.run()
    return Run(
        seed=seed,
        violations=tuple(violations_of(service, is_drained=is_drained)),
        paid_twice=tuple(service.witness.paid_twice),
        story=tuple(service.witness.story),
        faults=service.storm.met,
        kills=service.witness.kills,
        jobs=len(service.store.all_jobs()),
        messages=len(service.sent),
        lasted_s=service.scheduler.now_s,
    )
