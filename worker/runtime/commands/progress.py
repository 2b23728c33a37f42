"""How far a job has come, as a fraction that only ever grows, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from worker.contracts.text import shorten
from worker.jobs.job import Job, JobState, Step, StepState
from worker.runtime.commands.wording import count, duration

Result = Literal["open", "succeeded", "failed"]

_STEP_POINTS: Final = {
    StepState.PLANNED: 0,
    StepState.SUBMITTING: 1,
    StepState.RUNNING: 2,
    # Generation takes nearly all of the time, so it gets most of the bar.
    StepState.COMPLETED: 6,
    StepState.FAILED: 6,
}
_IMAGE_POINTS: Final = 1
_SETTLED_POINTS: Final = 1
_FINISHED_POINTS: Final = 2


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` points (their number differs from job to job), and what happens now."""

    done: int
    total: int
    doing: str
    result: Result = "open"


def progress_of(job: Job | None, *, now: datetime) -> Progress:
    """How far the job has come; None is a job that has no record (yet)."""
    if job is None:
        return Progress(0, 1, "not taken yet, or refused, or mistyped")
    total = (
        len(job.images) * _IMAGE_POINTS
        + len(job.steps) * _STEP_POINTS[StepState.COMPLETED]
        + _FINISHED_POINTS
    )
    if job.state is JobState.SUCCEEDED:
        return Progress(total, total, _success(job), "succeeded")
    if job.state is JobState.FAILED:
        return Progress(total, total, _failure(job), "failed")
    done = sum(_IMAGE_POINTS for image in job.images if image.image_id)
    done += sum(_STEP_POINTS[step.state] for step in job.steps)
    if job.state is JobState.ANNOUNCING:
        # Of a failed job, too: the rest of its way is short.
        return Progress(total - _SETTLED_POINTS, total, "announcing the result")
    doing = _doing(job, now)
    if job.failures:
        doing += f" ({count(job.failures, 'failed attempt')}: {job.history[-1].because})"
    return Progress(done, total, doing)


def _doing(job: Job, now: datetime) -> str:
    running = [step for step in job.steps if step.state is StepState.RUNNING]
    if running:
        return ", ".join(_running(step, now) for step in running)
    for step in job.steps:
        if step.state is StepState.SUBMITTING:
            unknown = step.submission is not None and step.submission.answer is not None
            return f"looking whether {step.name} runs" if unknown else f"submitting {step.name}"
    missing = sum(1 for image in job.images if not image.image_id)
    if missing:
        return f"uploading {count(missing, 'image')}"
    if all(step.state is StepState.COMPLETED for step in job.steps):
        return "collecting outputs"
    return "submitting"


def _running(step: Step, now: datetime) -> str:
    if step.pipeline is None:
        return step.name
    return f"{step.name} runs for {duration((now - step.pipeline.submitted_at).total_seconds())}"


def _success(job: Job) -> str:
    data = (job.event or {}).get("data") or {}
    outputs = [str(output["uri"]) for output in data.get("outputs") or ()]
    if len(outputs) == 1:
        return outputs[0]
    if outputs:
        return f"{count(len(outputs), 'picture')}: {outputs[0]} …"
    ids = data.get("result") or {}
    return ", ".join(f"{name} {value}" for name, value in ids.items()) or "done"


def _failure(job: Job) -> str:
    if job.failure is None:
        return "failed"
    return shorten(f"{job.failure.code}: {job.failure.message}", 300)
