"""recovery: an error of a held job is decided about, written down as far as it matters, answered."""

from __future__ import annotations

import structlog

from worker.engine import announce, poll, prepared, submit, trouble
from worker.engine.classify import Decision, classify
from worker.engine.telling import text_of
from worker.engine.trouble import Delivery
from worker.engine.world import HeldJob, World
from worker.errors import (
    AttemptsExhaustedError,
    LostRaceError,
    PermanentError,
    RecordTooLargeError,
    Stage,
    SubmissionUnknownError,
)
from worker.jobs import plan
from worker.jobs.job import JobState, StepState
from worker.jobs.outcomes import RetryLater
from worker.jobs.transitions import note_failure, note_rest, without_outputs

log = structlog.get_logger(__name__)


def recover(
    world: World, held: HeldJob, error: Exception, stage: Stage, delivery: Delivery
) -> RetryLater | None:
    """Decide about an error of a held job, write down what is to be remembered, answer.

    None: the job goes on at once. As a rule it fails: its verdict is in the record, and is to be
    announced. One with variants may go on without the one that is in trouble.
    """
    try:
        decision = classify(error).decision
        if decision is Decision.YIELD or not held.is_held:
            unseen = delivery.failures_unseen
            return trouble.retry(world, error, delivery, failures=unseen)
        is_open = held.job.state is not JobState.ANNOUNCING
        if decision is Decision.FAIL and is_open:
            assert isinstance(error, PermanentError)  # noqa: S101 -- the table says so
            _fail(world, held, error, stage)
            return None
        if decision in {Decision.RETRY, Decision.RETRY_LOUDLY, Decision.FAIL}:
            held.job = note_failure(held.job, because=f"{stage}: {text_of(error)}", at=world.now())
        if decision is Decision.HOLD:
            because = f"{stage}: resting: {text_of(error)}"
            held.job = note_rest(held.job, because=because, at=world.now())
        if is_open and trouble.is_exhausted(world, held.job, stage, delivery, decision):
            over = trouble.exhausted_error(held.job, error)
            if not _goes_on_without(world, held, over):
                _fail(world, held, over, stage)
            return None
        held.release()
        return trouble.retry(world, error, delivery, failures=max(1, held.job.failures))
    except Exception as second:  # noqa: BLE001 -- the record cannot be written: the message stays
        if trouble.is_poison(second, delivery):
            return _fail_plainly(world, held, second, stage, delivery)
        log.warning(
            f"while dealing with: {text_of(error)}",
            action="recovery_failed",
            stage=stage,
        )
        # Our own write may be what moved the record: then the first trouble says how long.
        said = error if isinstance(second, LostRaceError) else second
        return trouble.retry(world, said, delivery, failures=delivery.failures_unseen)


def _goes_on_without(world: World, held: HeldJob, error: PermanentError) -> bool:
    """Whether the job does without the variant that it was looking for, since others are paid for."""
    lost = [step for step in held.job.steps if step.state is StepState.SUBMITTING]
    if not isinstance(error, SubmissionUnknownError) or len(lost) != 1:
        return False
    if not plan.others_may_succeed(held.job, lost[0]):
        return False
    submit.do_without_unknown(world, held, lost[0].name, error)
    return True


def _fail_plainly(
    world: World, held: HeldJob, error: Exception, stage: Stage, delivery: Delivery
) -> RetryLater | None:
    """Give up a job whose record cannot be written as it is: from what was saved last."""
    saved = world.store.load(held.job.request_id)
    if saved is None or saved.lease is None or saved.lease != held.job.lease:
        return trouble.retry(world, error, delivery, failures=1)
    plain = AttemptsExhaustedError(f"the record cannot be written: {type(error).__name__}")
    held.job = without_outputs(saved)
    _fail(world, held, plain, stage)
    return None


def _fail(world: World, held: HeldJob, error: PermanentError, stage: Stage) -> None:
    """Settle the verdict. What the job's other pipelines came to is noted first, for the cost."""
    log.warning(
        f"the job fails: {error.message}",
        action="job_failing",
        error_code=error.code,
        stage=stage,
    )
    poll.look_at_siblings(world, held)
    prepared.release_claims(world, held.job)
    if isinstance(error, RecordTooLargeError):
        held.job = without_outputs(held.job)
    announce.settle_failure(world, held, error, stage)
