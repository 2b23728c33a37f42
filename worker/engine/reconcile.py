"""reconcile: finds open jobs that nothing may wake any more, and wakes them.

    last change   silence of its state   twice that                 four times that
      |────────────────|─────────────────────────────|──────────────────────── ─ ─ ►
      any message that   woken: a healthy job may be   woken again, unless
      carries it has     here too; waking it is        it got on meanwhile
      come back by then  harmless

A message can be lost: SQS moves it away after too many receives, somebody purges a queue, a worker
dies between saving a ticket and sending it. The record then says so by not changing any more.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import structlog

from worker.engine.batch_waking import wake_batches
from worker.engine.rules import EngineRules
from worker.engine.wake import wake
from worker.engine.world import HeldJob, RecordWorld
from worker.errors import LostRaceError, PermanentError
from worker.jobs.document import JobDocumentError
from worker.jobs.job import Job, JobState
from worker.ports.clock import WorkBudget
from worker.ports.jobs import JobSummary

log = structlog.get_logger(__name__)

_OPEN = (JobState.ACCEPTED, JobState.RUNNING, JobState.ANNOUNCING)

_WAKE_S = 5.0
"""Time that must be left to begin with a job: one read, two writes and one message."""

_DOUBLINGS_MOST = 9
"""900 s so often doubled is five days: longer than a message lives (`infra/resources.yml`)."""

_SPREAD_S = 30
"""The jobs that were found come back spread over so many seconds, not all at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """What one run found."""

    woken: tuple[JobSummary, ...]
    """Jobs that got a new poll message, or would have (a dry run), as they stood before."""
    left_alone: int
    """Jobs that a worker holds, that changed while we looked, or that were woken not long ago."""
    unreadable: int
    """Records that this release cannot read; a newer one can."""
    unwritable: int
    """Records that do not take a wake, such as one that is full."""
    batches_woken: int = 0
    """Batches that got a new follow message, or would have."""
    is_complete: bool
    """False when the limit or the time ended the run: the next one goes on."""


def silence_s(rules: EngineRules, state: JobState, *, wakes: int = 0) -> float:
    """So long after its last change nothing is certain to wake a job in that state any more.

    Twice as long after each of its `wakes`: a message that waits in a long line is made worthless
    by the new one, which begins at the end of the line. Should that go on at one pace, a backlog
    older than it would never get shorter.

    A pending poll writes nothing, so a running job can be well and unchanged for longer: it is
    then woken once in a while, for nothing. No advice to wait is cut short by it
    (`trouble` heeds 900 s at most).
    """
    # Otherwise carried by a request message, which rests longer the more often it comes.
    first_s = 900.0 if state is JobState.RUNNING else max(900.0, 2 * rules.systemic_wait_max_s)
    return first_s * 2.0 ** min(wakes, _DOUBLINGS_MOST)


def reconcile(
    world: RecordWorld, budget: WorkBudget, *, is_dry_run: bool = False
) -> ReconcileReport:
    """Wake every open job that has been silent for too long, at most `rules.reconcile_jobs`.

    Races with workers that are alive are lost to them. Raises what the store or the queue raise:
    the next run finds the rest.
    """
    woken: list[JobSummary] = []
    left_alone = unreadable = unwritable = 0
    is_complete = True
    for summary in _silent(world):
        if len(woken) == world.rules.reconcile_jobs or budget.remaining_s() < _WAKE_S:
            is_complete = False
            break
        try:
            job = _still_silent(world, summary)
            if job is None:
                left_alone += 1
                continue
            if not is_dry_run:
                _wake(world, job, budget)
        except LostRaceError:
            left_alone += 1
            continue
        except JobDocumentError as error:
            unreadable += 1
            log.warning(error.message, action="record_unreadable", request_id=summary.request_id)
            continue
        except PermanentError as error:
            unwritable += 1
            log.warning(error.message, action="record_unwritable", request_id=summary.request_id)
            continue
        woken.append(summary)
    batches_woken = wake_batches(world, budget, is_dry_run=is_dry_run)
    log.info(
        f"{len(woken)} silent job(s) woken" if woken else "no silent jobs",
        action="reconciled",
        woken=len(woken),
        left_alone=left_alone,
        batches_woken=batches_woken,
        is_complete=is_complete,
    )
    return ReconcileReport(
        woken=tuple(woken),
        left_alone=left_alone,
        unreadable=unreadable,
        unwritable=unwritable,
        batches_woken=batches_woken,
        is_complete=is_complete,
    )


def _silent(world: RecordWorld) -> Iterator[JobSummary]:
    """Open jobs by the list, which may be a moment behind: longest silence first."""
    now = world.now()
    lists = (
        world.store.unchanged_since(now - timedelta(seconds=silence_s(world.rules, state)), state)
        for state in _OPEN
    )
    return heapq.merge(*lists, key=lambda summary: summary.updated_at)


def _still_silent(world: RecordWorld, summary: JobSummary) -> Job | None:
    """The job, if its record is as the list says, nobody holds it, and its last wake is long ago."""
    job = world.store.load(summary.request_id)
    if job is None or (job.state, job.updated_at) != (summary.state, summary.updated_at):
        return None
    now = world.now()
    is_held = job.lease is not None and job.lease.until > now
    silent_s = (now - job.updated_at).total_seconds()
    is_early = silent_s < silence_s(world.rules, job.state, wakes=job.wakes)
    return None if is_held or is_early else job


def _wake(world: RecordWorld, job: Job, budget: WorkBudget) -> None:
    silent_min = (world.now() - job.updated_at).total_seconds() / 60
    because = f"reconcile: nothing has happened for {silent_min:.0f} min; its message may be lost"
    held = HeldJob.take(world, job, budget)
    wake(world, held, because=because, delay_s=world.random.randrange(_SPREAD_S))
