"""Whose turn it is when a photo is dropped again: the requests of a drop, each with its job.

    sku-5f2b9c0d1e3a      failed     dropped again after that:
    sku-8a41d07c9be2      failed     and again:
    sku-c03f5e6b7d18      the request that counts, which is a job or none yet

Any number of events about one drop lead to the same ids. What has succeeded, or may yet, is not paid
again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from worker.drops.planning import DropPlan, Photo, plan_drop
from worker.drops.rule_set import Match
from worker.drops.sidecars import Sidecar, SidecarError
from worker.engine.world import World
from worker.jobs.job import Job, JobState

_TRIES_MOST: Final = 100
"""So many times the same photo can be dropped again after failures."""

Turn = tuple[dict[str, Any], Job | None]


def turns_of(
    world: World,
    match: Match,
    photos: Sequence[Photo],
    sidecar: Sidecar | SidecarError | None = None,
    *,
    moment: datetime,
) -> tuple[DropPlan, list[Turn]]:
    """What becomes of a drop at `moment`: each request whose turn it is, and its job if it is one.

    That is the first of its ids whose job has not failed before that moment. The plan says what is
    wrong, if no requests can be made.
    """
    turns: list[Turn] = []
    undecided: Sequence[int] | None = None
    for number in range(_TRIES_MOST):
        plan = plan_drop(match, photos, sidecar, again=str(number) if number else "")
        failed: list[int] = []
        for index in range(len(plan.requests)) if undecided is None else undecided:
            request = plan.requests[index]
            job = world.store.load(request["requestId"])
            if job is not None and job.state is JobState.FAILED and job.updated_at < moment:
                failed.append(index)
            else:
                turns.append((request, job))
        if not failed:
            break
        undecided = failed
    return plan, turns
