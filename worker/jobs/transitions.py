"""Every named move of a job and of its steps, but for those that reopen a job.

The states, and which move leads where, are drawn in `charts`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from worker.errors import IllegalTransitionError
from worker.jobs.job import (
    CollectedPicture,
    DevelopedImage,
    Failure,
    Job,
    JobState,
    JsonObject,
    PipelineRun,
    SourceImage,
    Step,
    StepState,
    Submission,
)
from worker.jobs.moving import BECAUSE_LIMIT, got_on, job_moved, step_for, told, with_step

MAX_CALLS = 2
"""The paid call and the one repetition after two looks found nothing."""

DEVELOPED_LIMIT = 3_000
"""So many characters about changed images are kept, and the last that fits: records are limited."""


def accept(
    *,
    request_id: str,
    request: JsonObject,
    content_digest: str,
    message_digest: str,
    steps: tuple[Step, ...],
    images: tuple[SourceImage, ...],
    at: datetime,
) -> Job:
    """A new job for a valid request, not yet stored."""
    job = Job(
        request_id=request_id,
        request=request,
        content_digest=content_digest,
        message_digest=message_digest,
        accepted_at=at,
        updated_at=at,
        state=JobState.ACCEPTED,
        steps=steps,
        images=images,
    )
    names = " + ".join(step.name for step in steps)
    return told(job, "job", None, JobState.ACCEPTED, f"valid request; plan: {names}", at)


def record_upload(
    job: Job, image: SourceImage, *, because: str, at: datetime, changes: tuple[str, ...] = ()
) -> Job:
    """Hautech knows one of the job's images under `image.image_id` now; `changes` were made to it."""
    place = job.images.index(job.image(image.uri))
    images = tuple(image if known.uri == image.uri else known for known in job.images)
    developed = tuple(one for one in job.developed if one.image != place)
    if changes:
        because = f"{because}; {'; '.join(changes)}"
    told_characters = sum(len(change) for one in developed for change in one.changes)
    if changes and told_characters < DEVELOPED_LIMIT:
        developed += (DevelopedImage(image=place, changes=changes),)
    job = got_on(replace(job, images=images, developed=developed))
    return told(job, f"image {image.uri}", None, "uploaded", because, at)


def intend(job: Job, name: str, *, key: str, at: datetime) -> Job:
    """PLANNED -> SUBMITTING: about to pay, with this key. Save it before the call goes out."""
    step = step_for(job, name, "intend")
    moved = replace(
        step, state=StepState.SUBMITTING, submission=Submission(key=key, intended_at=at)
    )
    return with_step(job, step, moved, "about to pay for one pipeline", at, progress=False)


def withdraw(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING -> PLANNED, for a call that is known to have cost nothing.

    Raises IllegalTransitionError after an unknown answer: then the intent is all that stands
    between us and paying twice. A second call that cost nothing is taken back instead.
    """
    step, submission = _submission(job, name, "withdraw")
    if submission.calls > 1 or submission.answer is not None:
        raise IllegalTransitionError(f"step {name}: withdraw while an earlier call is unknown")
    moved = replace(step, state=StepState.PLANNED, submission=None)
    return with_step(job, step, moved, because, at, progress=False)


def refuse(job: Job, name: str, *, failure: Failure, at: datetime) -> Job:
    """PLANNED -> FAILED, for a variant that Hautech refused to run: the job goes on without it."""
    step = step_for(job, name, "refuse")
    moved = replace(step, state=StepState.FAILED, failure=failure)
    return with_step(job, step, moved, failure.message, at)


def do_without(job: Job, name: str, *, failure: Failure, at: datetime) -> Job:
    """SUBMITTING -> FAILED, for a variant of which nobody can find out whether it was started.

    Its intent is kept: a redrive looks for that run before it pays again.
    """
    step, _ = _submission(job, name, "do_without")
    moved = replace(step, state=StepState.FAILED, failure=failure)
    return with_step(job, step, moved, failure.message, at)


def start(job: Job, name: str, *, pipeline_id: str, at: datetime) -> Job:
    """SUBMITTING -> RUNNING: Hautech answered with the pipeline's id."""
    return _run(job, name, "start", PipelineRun(pipeline_id=pipeline_id, submitted_at=at), at)


def adopt(job: Job, name: str, *, pipeline_id: str, because: str, at: datetime) -> Job:
    """SUBMITTING -> RUNNING, for a pipeline that an earlier attempt already paid for."""
    step = job.step(name)
    intended_at = step.submission.intended_at if step.submission else at
    run = PipelineRun(pipeline_id=pipeline_id, submitted_at=intended_at, adopted=True)
    return _run(job, name, "adopt", run, at, because)


def lose_answer(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING stays: the call was sent and its answer is lost."""
    step, submission = _submission(job, name, "lose_answer")
    moved = replace(step, submission=replace(submission, answer=because))
    return with_step(job, step, moved, f"answer unknown: {because}", at, progress=False)


def look_in_vain(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING stays: the pipeline list does not show our key (yet)."""
    step, submission = _submission(job, name, "look_in_vain")
    moved = replace(step, submission=replace(submission, looks=(*submission.looks, at)))
    return with_step(job, step, moved, because, at, progress=False)


def intend_again(job: Job, name: str, *, at: datetime) -> Job:
    """SUBMITTING stays: two looks found nothing, so the run is sent a second and last time.

    Raises IllegalTransitionError unless two looks were made and a call is left.
    """
    step, submission = _submission(job, name, "intend_again")
    if len(submission.looks) < 2 or submission.calls >= MAX_CALLS:
        raise IllegalTransitionError(
            f"step {name}: a second call needs two looks and a call left, not "
            f"{len(submission.looks)} look(s) after {submission.calls} call(s)"
        )
    again = replace(submission, calls=submission.calls + 1, looks=(), answer=None)
    moved = replace(step, submission=again)
    because = "two looks found no pipeline with our key; sending the run once more"
    return with_step(job, step, moved, because, at, progress=False)


def take_back(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING stays: the second call cost nothing, so it does not count.

    The first call is as unknown as before, and time has passed: two more looks come before any
    other call. Raises IllegalTransitionError when there was no second call.
    """
    step, submission = _submission(job, name, "take_back")
    if submission.calls < MAX_CALLS:
        raise IllegalTransitionError(f"step {name}: take_back after {submission.calls} call(s)")
    again = replace(submission, calls=submission.calls - 1, looks=(), answer="the first is unknown")
    moved = replace(step, submission=again)
    return with_step(job, step, moved, because, at, progress=False)


def complete(
    job: Job, name: str, *, output: Any, credits_used: str | None, ended_at: datetime, at: datetime
) -> Job:
    """RUNNING -> COMPLETED, with the pipeline's output (any JSON) and cost (decimal string)."""
    step, run = _pipeline(job, name, "complete")
    ended = replace(run, ended_at=ended_at, credits=credits_used)
    moved = replace(step, state=StepState.COMPLETED, pipeline=ended, output=output)
    return with_step(job, step, moved, f"pipeline {run.pipeline_id} completed", at)


def give_up(
    job: Job,
    name: str,
    *,
    because: str,
    is_reported: bool,
    credits_used: str | None,
    ended_at: datetime | None,
    at: datetime,
    failure: Failure | None = None,
) -> Job:
    """RUNNING -> FAILED; what it cost is still reported.

    `is_reported` says whether Hautech itself reports the run as failed. `failure` is kept for a variant,
    without which the job may go on.
    """
    step, run = _pipeline(job, name, "give_up")
    ended = replace(run, ended_at=ended_at, credits=credits_used, is_reported_failed=is_reported)
    moved = replace(step, state=StepState.FAILED, pipeline=ended, failure=failure)
    return with_step(job, step, moved, because, at)


def await_pipelines(job: Job, *, because: str, at: datetime) -> Job:
    """ACCEPTED or RUNNING -> RUNNING: a poll message with the new ticket takes over.

    Save it before that message is sent: the message that carried the job until now is still
    there, so a crash in between is repaired by its redelivery, and older tickets are ignored.
    """
    job = replace(job, poll_ticket=job.poll_ticket + 1)
    return job_moved(job, "await_pipelines", JobState.RUNNING, because, at)


def carry_on(job: Job, *, because: str, at: datetime) -> Job:
    """ACCEPTED -> RUNNING: the poll message that carried the job that far goes on carrying it."""
    return job_moved(job, "carry_on", JobState.RUNNING, because, at)


def wake(job: Job, *, because: str, at: datetime) -> Job:
    """An open job stays what it is, one wake more; a poll message with the new ticket carries it on.

    Save it before that message is sent. Should it never be sent, the job is woken once more.
    """
    job = replace(job, poll_ticket=job.poll_ticket + 1, wakes=job.wakes + 1)
    return job_moved(job, "wake", job.state, because, at)


def keep_collected(job: Job, picture: CollectedPicture) -> Job:
    """The job has got on with one of its pictures: if it is interrupted, it goes on from there."""
    others = (
        one for one in job.collected if (one.step, one.index) != (picture.step, picture.index)
    )
    return got_on(replace(job, collected=(*others, picture)))


def settle(
    job: Job,
    *,
    event: JsonObject,
    failure: Failure | None,
    at: datetime,
    because: str = "outputs verified in S3",
) -> Job:
    """ACCEPTED or RUNNING -> ANNOUNCING: the verdict, with the event that will be published."""
    if failure:
        because = f"{failure.code}: {failure.message}"
    job = got_on(replace(job, event=event, failure=failure, collected=()))
    return job_moved(job, "settle", JobState.ANNOUNCING, because, at)


def finish(job: Job, *, at: datetime) -> Job:
    """ANNOUNCING -> SUCCEEDED or FAILED: the event is out."""
    final = JobState.FAILED if job.failure else JobState.SUCCEEDED
    because = "failed event published, dead letter sent" if job.failure else "event published"
    return job_moved(got_on(job), "finish", final, because, at)


def without_outputs(job: Job) -> Job:
    """The job without what its pipelines gave, when its record would not fit otherwise."""
    # What was reused is an id, and there is no pipeline to read it from again.
    steps = (replace(step, output=None) if step.pipeline else step for step in job.steps)
    return replace(job, steps=tuple(steps), collected=())


def note_rest(job: Job, *, because: str, at: datetime) -> Job:
    """The job rests because somebody else is in trouble: told once, not counted.

    Once even if it was woken meanwhile, or rests for several reasons in turn: through an outage of
    hours the record would fill with repetition.
    """
    while_it_stood = takewhile(
        lambda entry: entry.subject == "job" and entry.before == entry.after, reversed(job.history)
    )
    if any(entry.because == because[:BECAUSE_LIMIT] for entry in while_it_stood):
        return job
    return told(job, "job", job.state, job.state, because, at)


def note_failure(job: Job, *, because: str, at: datetime) -> Job:
    """An attempt failed: counted, told, the state unchanged."""
    job = replace(job, failures=job.failures + 1)
    return told(job, "job", job.state, job.state, because, at)


def _submission(job: Job, name: str, move: str) -> tuple[Step, Submission]:
    step = step_for(job, name, move)
    if step.submission is None:
        raise IllegalTransitionError(f"step {name}: {move} without a recorded intent")
    return step, step.submission


def _pipeline(job: Job, name: str, move: str) -> tuple[Step, PipelineRun]:
    step = step_for(job, name, move)
    if step.pipeline is None:
        raise IllegalTransitionError(f"step {name}: {move} without a pipeline")
    return step, step.pipeline


def _run(job: Job, name: str, move: str, run: PipelineRun, at: datetime, because: str = "") -> Job:
    step = step_for(job, name, move)
    moved = replace(step, state=StepState.RUNNING, pipeline=run)
    return with_step(job, step, moved, because or f"pipeline {run.pipeline_id} started", at)
