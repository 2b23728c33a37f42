"""How far a job has come, as a share that grows smoothly, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.jobs.job import Job, JobState, Step, StepState

_ACCEPTED, _UPLOADED, _SETTLED, _ANNOUNCED = 0.03, 0.12, 0.94, 0.97
_ALMOST = 0.97
"""A running pipeline fills this much of its part; the rest comes when its end is known."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` is 0 to 1; `word` is the state, `detail` what goes on."""

    share: float
    word: str
    detail: str = ""


def progress(job: Job | None, *, now: datetime, expected_s: Mapping[str, float]) -> Progress:
    """How a job stands.

    Args:
        job: its record; None before a worker has accepted it.
        now: for the age of running pipelines.
        expected_s: how long a pipeline usually takes, by step name.
    """
    if job is None:
        return Progress(0.0, "queued")
    match job.state:
        case JobState.SUCCEEDED:
            return Progress(1.0, "succeeded")
        case JobState.FAILED:
            return Progress(1.0, "failed", job.failure.message if job.failure else "")
        case JobState.ANNOUNCING:
            return Progress(_ANNOUNCED, "announcing")
        case _:
            return _under_way(job, now, expected_s)


def _under_way(job: Job, now: datetime, expected_s: Mapping[str, float]) -> Progress:
    if all(step.state is StepState.COMPLETED for step in job.steps):
        return Progress(_SETTLED, "collecting", "outputs to S3")
    missing = [image for image in job.images if image.image_id is None]
    if missing:
        here = 1 - len(missing) / len(job.images)
        share = _ACCEPTED + (_UPLOADED - _ACCEPTED) * here
        return Progress(share, "uploading", missing[0].uri.rsplit("/", 1)[-1])
    done = _pipelines_done(job.steps, now, expected_s)
    share = _UPLOADED + (_SETTLED - _UPLOADED) * done
    running = [step.name for step in job.running_steps()]
    return Progress(share, "running" if running else "submitting", " + ".join(running))


def _pipelines_done(
    steps: tuple[Step, ...], now: datetime, expected_s: Mapping[str, float]
) -> float:
    """The share of the way through the pipelines, each weighed by how long it takes.

    Those that run side by side count together as the longest of them does, so that the bar
    moves evenly.
    """
    *side_by_side, last = steps
    ahead_s = max((expected_s.get(step.name, 1.0) for step in side_by_side), default=0.0)
    last_s = expected_s.get(last.name, 1.0)
    ahead = min((_share(step, now, expected_s) for step in side_by_side), default=1.0)
    done_s = ahead * ahead_s + _share(last, now, expected_s) * last_s
    return done_s / (ahead_s + last_s)


def _share(step: Step, now: datetime, expected_s: Mapping[str, float]) -> float:
    if step.state is StepState.COMPLETED:
        return 1.0
    if step.pipeline is None:
        return 0.0
    age_s = max(0.0, (now - step.pipeline.submitted_at).total_seconds())
    return min(_ALMOST, age_s / expected_s.get(step.name, 1.0))
