"""recovery: an error of a held job is decided about, written down as far as it matters, answered."""

from __future__ import annotations

import structlog

from worker.engine import announce, poll, prepared, trouble
from worker.engine.classify import Decision, classify
from worker.engine.trouble import Delivery
from worker.engine.world import HeldJob, World
from worker.errors import (
    AttemptsExhaustedError,
    LostRaceError,
    PermanentError,
    RecordTooLargeError,
    Stage,
)
from worker.jobs.job import JobState
from worker.jobs.outcomes import RetryLater
from worker.jobs.transitions import note_failure, note_rest, without_outputs

log = structlog.get_logger(__name__)


def recover(
    world: World, held: HeldJob, error: Exception, stage: Stage, delivery: Delivery
) -> RetryLater | None:
    """Decide about an error of a held job, write down what is to be remembered, answer.

    None: the job fails. Its verdict is in the record, and is to be announced.
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
            held.job = note_failure(
                held.job, because=f"{stage}: {trouble.text_of(error)}", at=world.now()
            )
        if decision is Decision.HOLD:
            because = f"{stage}: resting: {trouble.text_of(error)}"
            held.job = note_rest(held.job, because=because, at=world.now())
        if is_open and trouble.is_exhausted(world, held.job, stage, delivery, decision):
            _fail(world, held, trouble.exhausted_error(held.job, error), stage)
            return None
        held.release()
        return trouble.retry(world, error, delivery, failures=max(1, held.job.failures))
    except Exception as second:  # noqa: BLE001 -- the record cannot be written: the message stays
        if trouble.is_poison(second, delivery):
            return _fail_plainly(world, held, second, stage, delivery)
        log.warning(
            f"while dealing with: {trouble.text_of(error)}",
            action="recovery_failed",
            stage=stage,
        )
        # Our own write may be what moved the record: then the first trouble says how long.
        said = error if isinstance(second, LostRaceError) else second
        return trouble.retry(world, said, delivery, failures=delivery.failures_unseen)


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
