"""Variants: several pictures of one request, of which some may fail while the others are delivered.

A job fails when all of its variants have failed, or for a reason that they share.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.contracts.result import ErrorInfo, VariantResult
from worker.errors import PermanentError, Stage
from worker.jobs.job import Failure, Job, Step, StepState

_PAID = frozenset({StepState.SUBMITTING, StepState.RUNNING, StepState.COMPLETED})


def failure_of(error: PermanentError, stage: Stage) -> Failure:
    """An error as the record keeps it and the event tells it."""
    return Failure(code=error.code, message=error.message, stage=stage, retryable=error.retryable)


def error_info(failure: Failure) -> ErrorInfo:
    """A failure as the event tells it."""
    return ErrorInfo(
        code=failure.code,
        message=failure.message,
        stage=failure.stage,
        retryable=failure.retryable,
    )


def others_may_succeed(job: Job, step: Step) -> bool:
    """Whether the job can do without that step: it is a variant, and another one may give a picture.

    Of one that was not paid for nobody knows that it will ever be.
    """
    return step.variant is not None and any(
        other.state in _PAID for other in job.variants() if other.name != step.name
    )


def variant_results(
    job: Job,
    pictures: Mapping[str, tuple[int, ...]],
    failures: Mapping[str, Failure],
    failure: Failure | None,
) -> tuple[VariantResult, ...]:
    """How each variant ended, in order.

    Args:
        job: as it ends.
        pictures: of each step that gave some, their places in the event's `outputs`.
        failures: of steps whose pictures could not be used.
        failure: of the whole job, if it fails.
    """
    results = []
    for step in job.variants():
        why = step.failure or failures.get(step.name) or failure
        results.append(
            VariantResult(
                n=step.variant or 0,
                seed=step.seed or 0,
                status="failed" if why else "succeeded",
                outputs=() if why else pictures.get(step.name, ()),
                error=error_info(why) if why else None,
            )
        )
    return tuple(results)
