"""Reads the timeline of a job out of its durable record: when what happened, and why."""

from __future__ import annotations

from datetime import datetime

from sandbox.demo.report import Moment, Row, Segment
from worker.jobs.job import HistoryEntry, Job, JobState, Step, StepState


def moments(job: Job, sent_at: datetime) -> tuple[Moment, ...]:
    """The record's history, told in seconds since the request was sent."""
    return tuple(
        Moment(
            at_s=_since(entry.at, sent_at),
            subject=entry.subject,
            change=f"{entry.before} → {entry.after}" if entry.before else entry.after,
            because=entry.because,
        )
        for entry in job.history
    )


def rows(job: Job, sent_at: datetime) -> tuple[Row, ...]:
    """One row per stage, and one per pipeline; stages that have not begun are left out."""
    accepted_s = _since(job.accepted_at, sent_at)
    found = [_row("accept", "accept", [Segment(start_s=0, end_s=accepted_s, text="queued in SQS")])]
    found.append(_row("upload", "upload", _uploads(job, sent_at, accepted_s)))
    found.append(_row("submit", "submit", _submits(job, sent_at)))
    for step in job.steps:
        found.append(_row("pipeline", step.name, _pipeline(job, step, sent_at)))  # noqa: PERF401 - in a row with the others
    settled = _job_reaches(job, {JobState.ANNOUNCING}, sent_at)
    over = _job_reaches(job, {JobState.SUCCEEDED, JobState.FAILED}, sent_at)
    completed = _last_end(job, sent_at)
    if settled is not None and completed is not None:
        segment = Segment(start_s=completed, end_s=settled, text="outputs to S3, verified there")
        found.append(_row("collect", "collect", [segment]))
    if settled is not None and over is not None:
        segment = Segment(start_s=settled, end_s=over, text="result document, then SNS event")
        found.append(_row("announce", "announce", [segment]))
    return tuple(row for row in found if row.segments)


def duration_s(job: Job, sent_at: datetime) -> float:
    """From sending the request to the last change of the record."""
    return _since(job.updated_at, sent_at)


def _row(stage: str, label: str, segments: list[Segment]) -> Row:
    return Row(stage=stage, label=label, segments=tuple(segments))  # type: ignore[arg-type] # the callers above name the stages


def _uploads(job: Job, sent_at: datetime, accepted_s: float) -> list[Segment]:
    segments, start_s = [], accepted_s
    for entry in job.history:
        if entry.subject.startswith("image "):
            end_s = _since(entry.at, sent_at)
            name = entry.subject.rsplit("/", 1)[-1]
            segments.append(Segment(start_s=start_s, end_s=end_s, text=f"{name}: {entry.because}"))
            start_s = end_s
    return segments


def _submits(job: Job, sent_at: datetime) -> list[Segment]:
    segments = []
    for step in job.steps:
        intended = _step_reaches(job, step, StepState.SUBMITTING)
        started = _step_reaches(job, step, StepState.RUNNING)
        if intended and started:
            segments.append(
                Segment(
                    start_s=_since(intended.at, sent_at),
                    end_s=_since(started.at, sent_at),
                    text=f"{step.name}: intent recorded, then the paid call",
                )
            )
    return segments


def _pipeline(job: Job, step: Step, sent_at: datetime) -> list[Segment]:
    run = step.pipeline
    if run is None or run.ended_at is None:
        return []
    start_s, end_s = _since(run.submitted_at, sent_at), _since(run.ended_at, sent_at)
    segments = [
        Segment(start_s=start_s, end_s=end_s, text=f"pipeline {run.pipeline_id} at Hautech")
    ]
    seen = _step_reaches(job, step, StepState.COMPLETED) or _step_reaches(
        job, step, StepState.FAILED
    )
    if seen is not None:
        noticed_s = max(end_s, _since(seen.at, sent_at))
        segments.append(
            Segment(start_s=end_s, end_s=noticed_s, text="ended, not yet polled", is_wait=True)
        )
    return segments


def _last_end(job: Job, sent_at: datetime) -> float | None:
    ends = [_step_reaches(job, step, StepState.COMPLETED) for step in job.steps]
    return max((_since(entry.at, sent_at) for entry in ends if entry), default=None)


def _step_reaches(job: Job, step: Step, state: StepState) -> HistoryEntry | None:
    """The last time the step moved into the state."""
    subject = f"step {step.name}"
    for entry in reversed(job.history):
        if entry.subject == subject and entry.after == state and entry.before != state:
            return entry
    return None


def _job_reaches(job: Job, states: set[JobState], sent_at: datetime) -> float | None:
    for entry in job.history:
        if entry.subject == "job" and entry.after in states and entry.before != entry.after:
            return _since(entry.at, sent_at)
    return None


def _since(at: datetime, sent_at: datetime) -> float:
    return max(0.0, (at - sent_at).total_seconds())
