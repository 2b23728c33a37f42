"""How the rows of a batch ended: from their jobs, and from the marks of those that never became one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from worker.batches import moves
from worker.batches.batch import Batch
from worker.batches.moves import RowEnd
from worker.batches.rows import row_request_id
from worker.batches.states import RowMark, RowStatus
from worker.contracts.origin import batch_of
from worker.engine.batch_world import BatchInHand
from worker.engine.world import World
from worker.errors import RequestCancelledError
from worker.jobs.job import Job, JobState

GROUP_ROWS: Final = 100
"""Rows that are read at once."""

_WINDOW_ROWS: Final = 2_000
"""So far beyond the first row that is open others are looked at; the record names those that are over."""

_GROUP_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """What is known of one row: its job, or its mark, or neither yet."""

    row: int
    job: Job | None = None
    mark: RowMark | None = None

    @property
    def end(self) -> RowEnd | None:
        """How it ended, if it has."""
        if self.job is not None:
            return _end_of(self.job) if self.job.state.is_final else None
        if self.mark is None:
            return None
        is_cancelled = self.mark.code == RequestCancelledError.code
        return RowEnd(status=RowStatus.CANCELLED if is_cancelled else RowStatus.REFUSED)


def open_groups(batch: Batch) -> Iterator[range]:
    """The rows that are looked at, from the first one that is open, in groups to be read at once."""
    last = min(batch.read, batch.over + _WINDOW_ROWS)
    for first in range(batch.over + 1, last + 1, GROUP_ROWS):
        yield range(first, min(first + GROUP_ROWS, last + 1))


def read_rows(world: World, batch_id: str, rows: Sequence[int]) -> list[FoundRow]:
    """What is known of these rows, at most `GROUP_ROWS`, in their order."""
    ids = {row: row_request_id(batch_id, row) for row in rows}
    jobs = world.store.load_many([*ids.values()])
    own = {row: job for row in rows if (job := jobs.get(ids[row])) and _is_row(job, batch_id, row)}
    missing = [row for row in rows if row not in own]
    marks = world.batches.marks(batch_id, missing) if missing else {}
    return [FoundRow(row=row, job=own.get(row), mark=marks.get(row)) for row in rows]


def look(world: World, held: BatchInHand) -> None:
    """See which rows have ended since the last time, as far as is likely to be worth it."""
    while held.has_time(_GROUP_S):
        batch = held.batch
        ends: dict[int, RowEnd] = {}
        known = set(batch.ahead)
        for group in open_groups(batch):
            unknown = [row for row in group if row not in known]
            found = read_rows(world, batch.batch_id, unknown) if unknown else []
            ended = {one.row: one.end for one in found if one.end is not None}
            ends.update(ended)
            # Rows are worked on in about their order: behind a group that is all open, others are.
            if (len(unknown) == len(group) and not ended) or not held.has_time(_GROUP_S):
                break
        held.batch = moves.end_rows(batch, ends, at=world.now())
        if held.batch.over in {batch.over, held.batch.read}:
            break
    held.save()


def _is_row(job: Job, batch_id: str, row: int) -> bool:
    """Whether a job is that row: its id may have been used by somebody else before."""
    origin = batch_of(job.request)
    return origin is not None and (origin.id, origin.row) == (batch_id, row)


def _end_of(job: Job) -> RowEnd:
    runs = [run for step in job.steps for run in (*step.earlier, step.pipeline) if run is not None]
    costs = [Decimal(run.credits) for run in runs if run.credits is not None]
    credits_used = format(sum(costs, Decimal(0)), "f") if costs else None
    if job.state is JobState.SUCCEEDED:
        return RowEnd(status=RowStatus.SUCCEEDED, credits=credits_used)
    is_cancelled = job.failure is not None and job.failure.code == RequestCancelledError.code
    status = RowStatus.CANCELLED if is_cancelled else RowStatus.FAILED
    return RowEnd(status=status, credits=credits_used)
