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

from dataclasses import dataclass
from datetime import timedelta

import structlog

from worker.engine import prepared
from worker.engine.accept import is_expired, refuse_if_cancelled, refuse_if_expired
from worker.engine.storing import refuse_if_taken
from worker.engine.telling import text_of
from worker.engine.world import HeldJob, World
from worker.errors import (
    AnswerUnknownError,
    HautechRefusedError,
    PermanentError,
    SubmissionUnknownError,
    UnavailableError,
    WorkerError,
)
from worker.jobs.job import Failure, Job, JsonObject, Step, Submission
from worker.jobs.keys import submission_key
from worker.jobs.plan import others_may_succeed, own_ids, resolved_input, strings_in
from worker.jobs.transitions import (
    MAX_CALLS,
    adopt,
    do_without,
    intend,
    intend_again,
    look_in_vain,
    lose_answer,
    refuse,
    start,
    take_back,
    withdraw,
)
from worker.ports.generation import RunSummary

log = structlog.get_logger(__name__)

METADATA_KEY = "hautechWorker"
"""Our corner of the run's metadata."""

_LOOKS = 2
_INPUTS_READ_MAX = 100
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
    RequestExpiredError, OutputTakenError, or the error of a call that cost nothing.
    """
    held.need(world.rules.paid_call_s + _MARGIN_S, "the paid call")
    refuse_if_expired(held.job, world)
    refuse_if_cancelled(held.job, world)
    refuse_if_taken(world, held.job)
    world.hautech.sign_in()
    key = submission_key(held.job, name)
    held.job = intend(held.job, name, key=key, at=world.now())
    _pay(world, held, name)


def submit_or_do_without(world: World, held: HeldJob, name: str) -> None:
    """As `submit`; but a variant that Hautech refuses fails alone while others may give a picture."""
    try:
        submit(world, held, name)
    except HautechRefusedError as error:
        if prepared.renew_vanished(world, held, name, error.message):
            return
        if not others_may_succeed(held.job, held.job.step(name)):
            raise
        log.warning(
            f"a variant is refused, the others go on: {error.message}",
            action="variant_refused",
            step=name,
        )
        failure = Failure.of(error, "submit")
        held.job = refuse(held.job, name, failure=failure, at=world.now())


def find_out_or_do_without(world: World, held: HeldJob, name: str) -> float | None:
    """As `find_out`; but a variant that stays unknown fails alone while others may give a picture.

    Those that nobody has paid for yet count here, while they may be: that one answer was lost says
    nothing about them.
    """
    try:
        return find_out(world, held, name)
    except SubmissionUnknownError as error:
        may_pay = not is_expired(held.job, world)
        if not others_may_succeed(held.job, held.job.step(name), unpaid_too=may_pay):
            raise
        do_without_unknown(world, held, name, error)
        return None


def do_without_unknown(
    world: World, held: HeldJob, name: str, error: SubmissionUnknownError
) -> None:
    """Give a variant up of which nobody knows whether it was started: the others go on."""
    log.warning(
        f"a variant is given up, the others go on: {error.message}",
        action="variant_unknown",
        step=name,
    )
    failure = Failure.of(error, "submit")
    held.job = do_without(held.job, name, failure=failure, at=world.now())


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
    if len(submission.looks) >= _LOOKS:
        _pay_again(world, held, name, submission)
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
    if is_expired(held.job, world):
        raise SubmissionUnknownError(
            f"step {name}: the answer of the run was lost, Hautech lists no pipeline with key "
            f"{submission.key}, and expiresAt has passed: not paying again"
        )
    held.need(world.rules.paid_call_s + _MARGIN_S, "the paid call")
    world.hautech.sign_in()
    # A worker that slept since it looked must look again; the save below would renew its lease.
    held.check_lease(0)
    held.job = intend_again(held.job, name, at=world.now())
    _pay(world, held, name)


def _pay(world: World, held: HeldJob, name: str) -> None:
    # The lease outlives the call, so whoever takes over next finds the call's effect in the list.
    longest_s = world.rules.paid_call_s + world.rules.settle_s
    held.save(lease_s=max(world.rules.lease_s, longest_s))
    job, step = held.job, held.job.step(name)
    submission = _submission(job, name)
    held.check_lease(world.rules.paid_call_s)
    try:
        # Once more: the save may have taken long. A call that is under way when Lambda freezes the
        # process would go out when it is thawed, long after its lease.
        held.need(world.rules.paid_call_s, "the paid call")
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
        because = f"this call cost nothing: {error.message}"
        undo = take_back if submission.calls > 1 else withdraw
        held.job = undo(job, name, because=because, at=world.now())
        if submission.calls > 1 and isinstance(error, PermanentError):
            # The first call may have been paid for: that is what a person has to hear.
            raise SubmissionUnknownError(
                f"step {name}: whether the first call started a run could not be found out, so it "
                f"may have been paid for; the second call cost nothing: {error.message}"
            ) from error
        raise
    except Exception as error:
        # A bug between us and the wire: whether the call went out is not known.
        held.job = lose_answer(job, name, because=text_of(error), at=world.now())
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
    earlier = {run.pipeline_id for run in step.earlier}
    runs = [run for run in world.hautech.runs_since(since) if run.pipeline_id not in earlier]
    ours = [run for run in runs if _key_of(run) == submission.key]
    if ours:
        living = [run for run in ours if run.status != "failed"]
        chosen = max(living or ours, key=lambda run: run.created_at)
        because = f"found pipeline {chosen.pipeline_id} by its key"
        if len(ours) > 1:
            others = ", ".join(run.pipeline_id for run in ours if run is not chosen)
            because += f" (PAID TWICE: {others} carries the same key)"
        return _Found(chosen.pipeline_id, because)
    return _find_by_input(world, job, step, runs)


def _find_by_input(world: World, job: Job, step: Step, runs: list[RunSummary]) -> _Found | None:
    """A pipeline without any key of ours whose input can only be this job's.

    That is one that holds the ids that only this job sent: images that it uploaded and results of
    its earlier steps (hautech-api notes, section 9, point 4). Where all of them are shared with other
    jobs, it is one whose whole input is ours. Those created nearest to the intent are read first.
    Raises UnavailableError when there are more than can be read: "not found" would be a guess then.
    """
    if not step.bindings:
        return None
    ours, sent = own_ids(job, step), resolved_input(job, step)
    intended_at = _submission(job, step.name).intended_at
    keyless = [run for run in runs if METADATA_KEY not in run.metadata]
    keyless.sort(key=lambda run: abs(run.created_at - intended_at))
    for run in keyless[:_INPUTS_READ_MAX]:
        given = world.hautech.read_pipeline(run.pipeline_id).input
        is_ours = ours <= set(strings_in(given)) if ours else _is_all(given, sent)
        if is_ours and _has_seed(given, step):
            because = f"found pipeline {run.pipeline_id} by its input; it lost our key"
            return _Found(run.pipeline_id, because)
    if len(keyless) > _INPUTS_READ_MAX:
        raise UnavailableError(
            f"step {step.name}: {len(keyless)} pipelines carry no key, and none of the "
            f"{_INPUTS_READ_MAX} nearest to the call is ours: cannot tell whether it was started"
        )
    return None


def _has_seed(given: JsonObject | None, step: Step) -> bool:
    """Variants have the same ids in their inputs: it is the seed that tells them apart."""
    return step.seed is None or (given or {}).get("seed") == step.seed


def _is_all(given: JsonObject | None, sent: JsonObject) -> bool:
    """Whether the input that Hautech shows is what was sent and no more: a label makes another one.

    What is null may be left out, or stand for what was.
    """
    return given is not None and _without_nulls(given) == _without_nulls(sent)


def _without_nulls(given: JsonObject) -> JsonObject:
    return {name: value for name, value in given.items() if value is not None}


def _key_of(run: RunSummary) -> str | None:
    ours = run.metadata.get(METADATA_KEY)
    key = ours.get("submitKey") if isinstance(ours, dict) else None
    return key if isinstance(key, str) else None
