"""Variants: several pictures of one request, of which some may fail while the others are delivered.

A job fails when all of its variants have failed, or for a reason that they share.
"""

from __future__ import annotations

from collections.abc import Mapping

from worker.contracts.result import ErrorInfo, VariantResult
from worker.jobs.job import Failure, Job


def error_info(failure: Failure) -> ErrorInfo:
    """A failure as the event tells it."""
    return ErrorInfo(
        code=failure.code,
        message=failure.message,
        stage=failure.stage,
        retryable=failure.retryable,
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
