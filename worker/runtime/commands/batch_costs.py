"""What a batch is likely to cost: by what jobs of its workflow cost that have ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from worker.jobs.job import JobState
from worker.ports.jobs import JobStore

_LOOKED_AT: Final = 200
_SAMPLES: Final = 20


@dataclass(frozen=True, slots=True)
class CostPerRow:
    """The median of what so many ended jobs cost each, in credits."""

    credits: Decimal
    jobs: int


def cost_per_row(store: JobStore, workflow: str, steps: Sequence[str]) -> CostPerRow | None:
    """What a row of that workflow and plan is likely to cost; None when no ended job of it tells.

    The latest jobs count: prices change. A job that used what others had prepared cost less, as most
    rows will. One of another plan, such as before poses were shared, or with variants, tells nothing.
    """
    listed = store.list_by_state(JobState.SUCCEEDED, limit=_LOOKED_AT)
    ids = [one.request_id for one in listed if one.workflow == workflow][:_SAMPLES]
    costs = []
    for job in store.load_many(ids).values():
        if [step.name for step in job.steps] != list(steps):
            continue
        told = [step.pipeline.credits for step in job.steps if step.pipeline]
        if told and all(one is not None for one in told):
            costs.append(sum((Decimal(one or "0") for one in told), Decimal(0)))
    return CostPerRow(median(costs), len(costs)) if costs else None
