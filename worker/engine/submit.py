"""submit: the only code that pays. Intent first; after a lost answer, look before paying again.

intend ─► save ─► run ─┬─ id ────────────────────► start
                       ├─ refused, not sent ─────► withdraw     (nothing was paid)
                       └─ answer lost, killed ─┐
                                               ▼
                            look ─┬─ found ─► adopt             (nothing is paid again)
                                  └─ not ─► wait, look again ─┬─ found ─► adopt
                                                              └─ not ─► run once more
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

import structlog

from worker.engine.accept import refuse_if_expired
from worker.engine.world import HeldJob, World
from worker.errors import AnswerUnknownError, SubmissionUnknownError, WorkerError
from worker.jobs.job import Job, JsonObject, Step, Submission
from worker.jobs.keys import submission_key
from worker.jobs.plan import own_ids, resolved_input
from worker.jobs.transitions import (
    MAX_CALLS,
    adopt,
    intend,
    intend_again,
    look_in_vain,
    lose_answer,
    start,
    withdraw,
)
from worker.ports import RunSummary

log = structlog.get_logger(__name__)

METADATA_KEY = "hautechWorker"
"""Our corner of the run's metadata."""

_LOOKS = 2
_INPUTS_READ_MAX = 50
_EXCHANGES = 3
"""HTTP exchanges that one run may take; all but the last are refusals, which cost nothing."""

_MARGIN_S = 3.0
"""Beside the paid call itself: the save before it and the save after it."""


@dataclass(frozen=True, slots=True)
class _Found:
    pipeline_id: str
    because: str


def submit(world: World, held: HeldJob, name: str) -> None:
    """Pay for the pipeline of a planned step, once.

    The intent is durable before the call goes out; the caller saves what comes after it.
    Raises InterruptedWorkError when too little time is left to finish the call,
    RequestExpiredError, or the error of a call that cost nothing.
    """
    held.need(world.rules.paid_call_s + _MARGIN_S, "the paid call")
    refuse_if_expired(held.job, world)
    key = submission_key(held.job, name)
    held.job = intend(held.job, name, key=key, at=world.now())
    _pay(world, held, name)


def find_out(world: World, held: HeldJob, name: str) -> float | None:
    """What became of a run whose answer is unknown.

    Returns None when the step got on, else the seconds until the next look makes sense. The
    caller saves what was found out. Raises SubmissionUnknownError when two calls, and two looks
    after each, have found nothing.
    """
    submission = _submission(held.job, name)
    if submission.looks:
        since_s = (world.now() - submission.looks[-1]).total_seconds()
        if since_s < world.rules.settle_s:
            return world.rules.settle_s - since_s
    if len(submission.looks) >= _LOOKS:
        _pay_again(world, held, name, submission)
        return None
    found = _find(world, held.job, held.job.step(name))
    if found is not None:
        held.job = adopt(
            held.job, name, pipeline_id=found.pipeline_id, because=found.because, at=world.now()
        )
        log.warning(
            f"{found.because}; nothing is paid again",
            action="pipeline_adopted",
            step=name,
            pipeline_id=found.pipeline_id,
        )
        return None
    look = f"look {len(submission.looks) + 1} of {_LOOKS}"
    because = f"{look}: no pipeline carries key {submission.key}"
    held.job = look_in_vain(held.job, name, because=because, at=world.now())
    log.info(
        f"{because}; next in {world.rules.settle_s:g} s", action="looked_for_pipeline", step=name
    )
    return world.rules.settle_s


def _pay_again(world: World, held: HeldJob, name: str, submission: Submission) -> None:
    if submission.calls >= MAX_CALLS:
        raise SubmissionUnknownError(
            f"step {name}: the run was sent {submission.calls} times, its answer was lost each "
            "time, and Hautech lists no pipeline with key "
            f"{submission.key}: not paying again (check the pipelines at Hautech, then redrive)"
        )
    held.need(world.rules.paid_call_s + _MARGIN_S, "the paid call")
    refuse_if_expired(held.job, world)
    held.job = intend_again(held.job, name, at=world.now())
    _pay(world, held, name)


def _pay(world: World, held: HeldJob, name: str) -> None:
    # The lease outlives the call, so whoever takes over next finds the call's effect in the list.
    # A refused token and an unknown route are each answered before the call is made once more.
    longest_s = _EXCHANGES * world.rules.paid_call_s + world.rules.settle_s
    held.save(lease_s=max(world.rules.lease_s, longest_s))
    job, step = held.job, held.job.step(name)
    submission = _submission(job, name)
    held.check_lease(_EXCHANGES * world.rules.paid_call_s)
    try:
        pipeline_id = world.hautech.run(
            step.workflow_id, resolved_input(job, step), _metadata(job, name, submission)
        )
    except AnswerUnknownError as error:
        held.job = lose_answer(job, name, because=error.message, at=world.now())
        log.warning(
            "the run was sent and its answer is lost; looking for it before anything else",
            action="answer_lost",
            step=name,
            error=error.message,
        )
    except WorkerError as error:
        because = f"nothing was paid: {error.message}"
        held.job = withdraw(job, name, because=because, at=world.now())
        raise
    except Exception as error:
        # A bug between us and the wire: whether the call went out is not known.
        held.job = lose_answer(job, name, because=repr(error), at=world.now())
        log.exception("the run failed in our own code; looking for it", action="answer_lost")
    else:
        held.job = start(job, name, pipeline_id=pipeline_id, at=world.now())
        log.info("pipeline started", action="pipeline_started", step=name, pipeline_id=pipeline_id)


def _metadata(job: Job, name: str, submission: Submission) -> JsonObject:
    return {
        METADATA_KEY: {
            "jobId": job.request_id,
            "step": name,
            "attempt": submission.calls,
            "submitKey": submission.key,
        }
    }


def _submission(job: Job, name: str) -> Submission:
    submission = job.step(name).submission
    if submission is None:
        raise AssertionError(f"step {name} is submitting without a recorded intent")
    return submission


def _find(world: World, job: Job, step: Step) -> _Found | None:
    """Our pipeline in Hautech's list, by its key, else by an input that only we can have sent."""
    submission = _submission(job, step.name)
    since = submission.intended_at - timedelta(seconds=world.rules.clock_margin_s)
    runs = list(world.hautech.runs_since(since))
    ours = [run for run in runs if _key_of(run) == submission.key]
    if ours:
        living = [run for run in ours if run.status != "failed"]
        chosen = max(living or ours, key=lambda run: run.created_at)
        because = f"found pipeline {chosen.pipeline_id} by its key"
        if len(ours) > 1:
            others = ", ".join(run.pipeline_id for run in ours if run is not chosen)
            because += f" (PAID TWICE: {others} carries the same key)"
        return _Found(chosen.pipeline_id, because)
    for pipeline_id in islice(_with_our_input(world, job, step, runs), 1):
        return _Found(pipeline_id, f"found pipeline {pipeline_id} by its input; it lost our key")
    return None


def _with_our_input(world: World, job: Job, step: Step, runs: list[RunSummary]) -> Iterator[str]:
    """Pipelines without any key of ours whose input is exactly what we sent.

    Only when the input holds an id that no other job can have sent: an image that this job
    uploaded, or a result of its earlier steps (hautech-api notes, section 9, point 4).
    """
    if not own_ids(job, step):
        return
    sent = resolved_input(job, step)
    keyless = (run for run in runs if METADATA_KEY not in run.metadata)
    for run in islice(keyless, _INPUTS_READ_MAX):
        if world.hautech.read_pipeline(run.pipeline_id).input == sent:
            yield run.pipeline_id


def _key_of(run: RunSummary) -> str | None:
    ours = run.metadata.get(METADATA_KEY)
    key = ours.get("submitKey") if isinstance(ours, dict) else None
    return key if isinstance(key, str) else None
