"""poll: how the running pipelines stand, and what their ends mean for the steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog

from worker.engine import prepared
from worker.engine.world import HeldJob, World
from worker.errors import (
    NoOutputError,
    PipelineError,
    PipelineFailedError,
    PipelineLostError,
    PipelineTimeoutError,
    PipelineUnfundedError,
    UnavailableError,
)
from worker.hautech.answers import mentions_funds
from worker.hautech.outputs import find_images, read_pose_id, read_prepared_image_id
from worker.jobs.durations import Expectation
from worker.jobs.job import Failure, Job, PipelineRun, Step
from worker.jobs.outputs import whole_text, without_secrets
from worker.jobs.pacing import first_poll_delay_s, next_poll_delay_s
from worker.jobs.plan import others_may_succeed, sent_ids
from worker.jobs.sharing import renew
from worker.jobs.transitions import complete, give_up
from worker.ports.generation import PipelineReport, PipelineStatus

log = structlog.get_logger(__name__)

_NEW_S = 60.0
"""For so long a 404 for a pipeline is not believed (hautech-api notes, section 12)."""

_NEW_RETRY_S = 3.0

_OUTPUT_MAX_BYTES = 32 * 1024
"""An output is ids, not data; the record and the event have room for no more."""

_READ_RESULT = {
    "prepare-pose": ("poseId", read_pose_id),
    "prepare-image": ("preparedImageId", read_prepared_image_id),
}
"""What the two preparing workflows give, by step name."""


Report = PipelineReport | PipelineLostError
"""How a pipeline stands; or, of a variant, without which the others go on, that it is not known."""


def look(world: World, job: Job) -> dict[str, Report]:
    """A report for each running step of the job, by step name. Changes nothing."""
    return {step.name: _look_at(world, step) for step in job.running_steps()}


def is_over(world: World, job: Job, reports: Mapping[str, Report]) -> bool:
    """Whether the job can get on: every pipeline ended, one failed, or one took too long."""
    states = {_status(report) for report in reports.values()}
    if "failed" in states or "pending" not in states:
        return True
    return has_late_step(world, job)


def has_late_step(world: World, job: Job) -> bool:
    """Whether a pipeline of the job has been pending longer than it may."""
    return any(_is_late(world, job, step) for step in job.running_steps())


def record_ends(world: World, held: HeldJob, reports: Mapping[str, Report]) -> None:
    """Move every step whose pipeline ended.

    Raises a PipelineError for the first that gave nothing, after all have been recorded; unless they
    are variants, and another one may yet give a picture.
    """
    failed: list[tuple[Step, PipelineError]] = []
    for step in held.job.running_steps():
        report = reports.get(step.name)
        if report is None:
            continue
        try:
            if isinstance(report, PipelineLostError):
                raise report
            if report.status == "completed":
                _complete(world, held, step, report)
            elif report.status == "failed":
                raise _failed(step, report)
            elif _is_late(world, held.job, step):
                raise _late(world, held.job, step)
        except PipelineError as error:
            is_renewed = _is_renewed(world, held, step, report)
            _give_up(world, held, step, report, error)
            if is_renewed:
                because = "it failed for what had vanished: a new run will be paid for"
                held.job = renew(held.job, step.name, because=because, at=world.now())
            else:
                failed.append((step, error))
    for step, trouble in failed:
        if not others_may_succeed(held.job, step):
            raise trouble


def _give_up(world: World, held: HeldJob, step: Step, report: Report, error: PipelineError) -> None:
    if isinstance(report, PipelineLostError):
        report = PipelineReport(pipeline_id=_run(step).pipeline_id, status="pending")
    held.job = give_up(
        held.job,
        step.name,
        because=error.message,
        is_reported=report.status == "failed",
        credits_used=report.credits,
        ended_at=report.ended_at,
        at=world.now(),
        failure=Failure.of(error, "poll") if step.variant is not None else None,
    )
    world.observer.pipeline_over(_exact_s(report), report.credits)


def _is_renewed(world: World, held: HeldJob, step: Step, report: Report) -> bool:
    """Whether the run failed for something reused, which has been forgotten for that."""
    if isinstance(report, PipelineLostError) or report.status != "failed":
        return False
    said = f"{report.error_code} {report.error_message}"
    return prepared.renew_vanished(world, held, step.name, said)


def record_what_ended(world: World, held: HeldJob) -> bool:
    """Look at the running pipelines in between; whether one of them has ended. Raises as `record_ends`."""
    ended = {
        name: report
        for name, report in look(world, held.job).items()
        if isinstance(report, PipelineLostError) or report.status != "pending"
    }
    record_ends(world, held, ended)
    return bool(ended)


def look_at_siblings(world: World, held: HeldJob) -> None:
    """Before a job fails: note what its other pipelines came to, for the cost in the event.

    What cannot be found out now is left as it is; the job fails for another reason.
    """
    for step in held.job.running_steps():
        try:
            record_ends(world, held, {step.name: world.hautech.look(_run(step).pipeline_id)})
        except Exception as error:  # noqa: BLE001 -- nothing may keep a failing job from its event
            log.info(
                f"step {step.name}: {error}",
                action="sibling_looked_at",
                pipeline_id=_run(step).pipeline_id,
            )


def first_delay_s(world: World, job: Job) -> int:
    """Whole seconds until the first poll of what was just submitted."""
    return first_poll_delay_s(_expected(world, job.running_steps()), world.rules.poll_bounds)


def next_delay_s(world: World, job: Job) -> int:
    """Whole seconds until the next poll of pipelines that were found pending."""
    running = job.running_steps()
    age_s = max((_age_s(_run(step), world.now()) for step in running), default=0.0)
    return next_poll_delay_s(age_s, _expected(world, running), world.rules.poll_bounds)


def _status(report: Report) -> PipelineStatus:
    return report.status if isinstance(report, PipelineReport) else "failed"


def _look_at(world: World, step: Step) -> Report:
    run = _run(step)
    try:
        return world.hautech.look(run.pipeline_id)
    except PipelineLostError as error:
        if _age_s(run, world.now()) > _NEW_S:
            if step.variant is not None:
                return error
            raise
        # A pipeline that was just created may not be readable everywhere yet.
        raise UnavailableError(error.message, retry_after_s=_NEW_RETRY_S) from error


def _complete(world: World, held: HeldJob, step: Step, report: PipelineReport) -> None:
    output = report.output
    if step.name in _READ_RESULT:
        field, read = _READ_RESULT[step.name]
        found = read(output, sent_ids=sent_ids(held.job))
        if found is None:
            raise NoOutputError(
                f"pipeline {report.pipeline_id} (step {step.name}) completed without a {field}: "
                f"its output is {str(without_secrets(output))[:200]}"
            )
        output = {field: found}
    if step.variant is not None and not find_images(output, sent_ids=sent_ids(held.job)):
        # Of a variant it is known now, while the job can still go on without it.
        raise NoOutputError(
            f"pipeline {report.pipeline_id} (step {step.name}) completed without an image: "
            f"its output is {str(without_secrets(output))[:200]}"
        )
    output = _small_enough(output, report.pipeline_id, sent_ids(held.job))
    at = world.now()
    run = _run(step)
    held.job = complete(
        held.job,
        step.name,
        output=output,
        credits_used=report.credits,
        ended_at=report.ended_at or at,
        at=at,
    )
    exact_s = _exact_s(report)
    took_s = _age_s(run, at) if exact_s is None else exact_s
    if exact_s is not None:
        # When we looked says nothing about when it ended: who looked late would learn to look late.
        world.durations.observe(step.workflow_id, exact_s, at=at)
    prepared.share_result(world, held.job, held.job.step(step.name))
    world.observer.pipeline_over(took_s, report.credits)
    log.info(
        f"pipeline completed after {took_s:.1f} s",
        action="pipeline_completed",
        step=step.name,
        pipeline_id=report.pipeline_id,
    )


def _exact_s(report: PipelineReport) -> float | None:
    """How long a pipeline took by Hautech's own clock, however late we looked; None if it is not said."""
    if report.created_at is None or report.ended_at is None:
        return None
    return (report.ended_at - report.created_at).total_seconds()


def _small_enough(output: Any, pipeline_id: str, sent: frozenset[str]) -> Any:
    """The output as the record keeps it: without the secrets of links, and not too large."""
    kept = without_secrets(output)
    size_bytes = len(json.dumps(kept, ensure_ascii=False).encode())
    if size_bytes <= _OUTPUT_MAX_BYTES:
        return kept
    ids = [one.image_id for one in find_images(output, sent_ids=sent) if one.image_id]
    omitted = f"{size_bytes:,} bytes; read pipeline {pipeline_id} at Hautech"
    return {"omitted": omitted, **({"imageIds": ids} if ids else {})}


def _failed(step: Step, report: PipelineReport) -> PipelineError:
    code = whole_text(report.error_code or "no error code", 100)
    why = whole_text(report.error_message or "no error message", 1_000)
    unfunded = mentions_funds(code, why)
    kind: type[PipelineError] = PipelineUnfundedError if unfunded else PipelineFailedError
    return kind(
        f"pipeline {report.pipeline_id} (step {step.name}) failed at Hautech: {code}: {why}"
    )


def _late(world: World, job: Job, step: Step) -> PipelineTimeoutError:
    run = _run(step)
    return PipelineTimeoutError(
        f"pipeline {run.pipeline_id} (step {step.name}) is still pending after "
        f"{_waited_s(world, job, run):.0f} s: at most {world.rules.pipeline_timeout_s:.0f} s are "
        "waited (WORKER_PIPELINE_TIMEOUT_SECONDS)"
    )


def _is_late(world: World, job: Job, step: Step) -> bool:
    return _waited_s(world, job, _run(step)) > world.rules.pipeline_timeout_s


def _waited_s(world: World, job: Job, run: PipelineRun) -> float:
    """For how long we have waited for the run, seconds; a redrive begins to wait anew."""
    return (world.now() - max(run.submitted_at, job.open_since)).total_seconds()


def _age_s(run: PipelineRun, at: datetime) -> float:
    return (at - run.submitted_at).total_seconds()


def _expected(world: World, steps: Iterable[Step]) -> Expectation | None:
    """When the pipelines are likely to have ended; not after the time when they are given up."""
    expected = world.durations.expected(step.workflow_id for step in steps)
    if expected is None:
        return None
    most_s = world.rules.pipeline_timeout_s
    return Expectation(min(expected.usual_s, most_s), min(expected.quick_s, most_s))


def _run(step: Step) -> PipelineRun:
    if step.pipeline is None:
        raise AssertionError(f"step {step.name} is running without a pipeline")
    return step.pipeline
