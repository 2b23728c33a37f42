"""How every move is made: from a state that the charts allow, told in the job's history.

For `transitions`, `reopening` and `sharing` alone: they give the moves their names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from worker.errors import IllegalTransitionError
from worker.jobs.charts import JOB_MOVES, STEP_MOVES
from worker.jobs.job import HistoryEntry, Job, JobState, Step

HISTORY_LIMIT = 120
"""Entries kept; DynamoDB items may have 400 KB (Source: DynamoDB quotas, item size), and a
request of 256 KiB must fit beside them."""

HISTORY_LIMIT_BYTES = 32 * 1024
"""Of all entries: a hundred images with keys of a kilobyte would fill the record with their names."""

_ENTRY_BYTES = 150
"""Of an entry, beside what it is about and why."""

BECAUSE_LIMIT = 400
"""Characters of one reason."""


def job_moved(job: Job, move: str, to: JobState, because: str, at: datetime) -> Job:
    """The job in another state, by the named move. Raises IllegalTransitionError."""
    if (job.state, to) not in JOB_MOVES[move]:
        raise IllegalTransitionError(f"job {job.request_id}: {move} from {job.state} to {to}")
    return told(replace(job, state=to), "job", job.state, to, because, at)


def step_for(job: Job, name: str, move: str) -> Step:
    """The step that is about to make the named move. Raises IllegalTransitionError."""
    step = job.step(name)
    if job.state not in {JobState.ACCEPTED, JobState.RUNNING}:
        raise IllegalTransitionError(f"step {name}: {move} while the job is {job.state}")
    if step.state is not STEP_MOVES[move][0]:
        raise IllegalTransitionError(f"step {name}: {move} from {step.state}")
    return step


def step_moved(job: Job, step: Step, moved: Step, move: str, because: str, at: datetime) -> Job:
    """The job with `moved` in the place of `step`, in the state that the named move leads to."""
    moved = replace(moved, state=STEP_MOVES[move][1])
    return with_step(job, step_for(job, step.name, move), moved, because, at)


def with_step(
    job: Job, step: Step, moved: Step, because: str, at: datetime, *, progress: bool = True
) -> Job:
    """The job with `moved` in the place of `step`. With `progress`, nothing is counted against it."""
    steps = tuple(moved if known is step else known for known in job.steps)
    job = replace(job, steps=steps)
    job = told(job, f"step {step.name}", step.state, moved.state, because, at)
    return got_on(job) if progress else job


def got_on(job: Job) -> Job:
    """The job, with nothing counted against it any more."""
    return replace(job, failures=0, wakes=0)


def told(job: Job, subject: str, before: str | None, after: str, because: str, at: datetime) -> Job:
    """The job with one more entry in its history; the oldest but 20 make room."""
    entry = HistoryEntry(
        at=at,
        subject=subject,
        before=None if before is None else str(before),
        after=str(after),
        because=because[:BECAUSE_LIMIT],
        attempt=job.failures + 1,
    )
    history = (*job.history, entry)
    if len(history) > HISTORY_LIMIT:
        # The beginning tells what was asked, the end what goes on; the middle is repetition.
        history = (*history[:20], *history[-(HISTORY_LIMIT - 20) :])
    while len(history) > 1 and sum(map(_size_bytes, history)) > HISTORY_LIMIT_BYTES:
        middle = len(history) // 6
        history = (*history[:middle], *history[middle + 1 :])
    return replace(job, history=history, updated_at=at)


def _size_bytes(entry: HistoryEntry) -> int:
    return len((entry.subject + entry.because).encode(errors="replace")) + _ENTRY_BYTES
