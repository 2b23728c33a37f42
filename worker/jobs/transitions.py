"""The states of a job and of its steps, and every named move between them.

The charts; a test checks that they and the tables below list the same edges.

    job
               a            b               c                d
        (new) ───► accepted ───► running ───────► announcing ───► succeeded
                     │ ↺ g        ▲ ↺ f, g        ▲ ↺ g │
                     │            │               │     │    e
                     │            │               │     └───────► failed
                     └────────────┼───────────────┘                 │
                           c      └─────────────────────────────────┘
                                                 h

    a  accept            the request is valid and its id is new: recorded before anything else
    b  await_pipelines, carry_on   all that can be paid for now is running: one poll message takes
                         over, or it is in hand already, since it carried the job that far
    c  settle            the verdict and its event are fixed; no second verdict can follow
    d  finish            succeeded event published
    e  finish            failed event published and dead letter sent
    f  await_pipelines   the request came again: a new poll message replaces the one before
    g  wake              nothing may be left that wakes it: a new poll message carries it on
    h  reopen            a person redrives it: it goes on where it stood, its steps by i to l

    step
                 a               c              d
        planned ───► submitting ───► running ───────► completed
         ▲ ▲           │  │ ▲         │ ▲ ▲       j       │
         │ └───────────┘  └─┘         │ │ └───────────────┘
         │      b       g, h, k       │ │    i
         │                            │ └────────┐
         │                            └───────► failed
         │                                e      │
         └───────────────────────────────────────┘
                             l

    a  intend            the intent to pay is recorded, before the call
    b  withdraw          the call is known to have cost nothing (not sent, or refused)
    c  start, adopt      the pipeline id is known: answered, or found by its key
    d  complete          Hautech says completed; the output is recorded
    e  give_up           Hautech says failed, or it took too long, or the output is unusable
    g  lose_answer, look_in_vain   the answer is unknown; the list does not show the key
    h  intend_again, take_back   two looks found nothing: the one second call is recorded;
                         it cost nothing after all, and the first is as unknown as before
    i  poll_on           reopened: it was given up here, and Hautech did not say failed
    j  read_again        reopened: its output was not usable, or did not fit into the record
    k  ask_again         reopened: it is looked for again; found nowhere, it is sent once more
    l  run_anew          reopened: Hautech itself says that the run failed; the next one is paid
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from worker.errors import IllegalTransitionError
from worker.jobs.job import (
    Failure,
    HistoryEntry,
    Job,
    JobState,
    JsonObject,
    PipelineRun,
    SourceImage,
    Step,
    StepState,
    Submission,
)

HISTORY_LIMIT = 120
"""Entries kept; DynamoDB items may have 400 KB (Source: DynamoDB quotas, item size), and a
request of 256 KiB must fit beside them."""

BECAUSE_LIMIT = 400
"""Characters of one reason."""

MAX_CALLS = 2
"""The paid call and the one repetition after two looks found nothing."""

JOB_MOVES: Mapping[str, frozenset[tuple[JobState | None, JobState]]] = {
    "accept": frozenset({(None, JobState.ACCEPTED)}),
    "await_pipelines": frozenset(
        {(JobState.ACCEPTED, JobState.RUNNING), (JobState.RUNNING, JobState.RUNNING)}
    ),
    "carry_on": frozenset({(JobState.ACCEPTED, JobState.RUNNING)}),
    "wake": frozenset(
        (state, state) for state in (JobState.ACCEPTED, JobState.RUNNING, JobState.ANNOUNCING)
    ),
    "settle": frozenset(
        {(JobState.ACCEPTED, JobState.ANNOUNCING), (JobState.RUNNING, JobState.ANNOUNCING)}
    ),
    "finish": frozenset(
        {(JobState.ANNOUNCING, JobState.SUCCEEDED), (JobState.ANNOUNCING, JobState.FAILED)}
    ),
    "reopen": frozenset({(JobState.FAILED, JobState.RUNNING)}),
}

STEP_MOVES: Mapping[str, tuple[StepState, StepState]] = {
    "intend": (StepState.PLANNED, StepState.SUBMITTING),
    "withdraw": (StepState.SUBMITTING, StepState.PLANNED),
    "start": (StepState.SUBMITTING, StepState.RUNNING),
    "adopt": (StepState.SUBMITTING, StepState.RUNNING),
    "complete": (StepState.RUNNING, StepState.COMPLETED),
    "give_up": (StepState.RUNNING, StepState.FAILED),
    "lose_answer": (StepState.SUBMITTING, StepState.SUBMITTING),
    "look_in_vain": (StepState.SUBMITTING, StepState.SUBMITTING),
    "intend_again": (StepState.SUBMITTING, StepState.SUBMITTING),
    "take_back": (StepState.SUBMITTING, StepState.SUBMITTING),
    "poll_on": (StepState.FAILED, StepState.RUNNING),
    "read_again": (StepState.COMPLETED, StepState.RUNNING),
    "ask_again": (StepState.SUBMITTING, StepState.SUBMITTING),
    "run_anew": (StepState.FAILED, StepState.PLANNED),
}


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
    return _told(job, "job", None, JobState.ACCEPTED, f"valid request; plan: {names}", at)


def record_upload(job: Job, image: SourceImage, *, because: str, at: datetime) -> Job:
    """Hautech knows one of the job's images under `image.image_id` now."""
    job.image(image.uri)
    images = tuple(image if known.uri == image.uri else known for known in job.images)
    job = _got_on(replace(job, images=images))
    return _told(job, f"image {image.uri}", None, "uploaded", because, at)


def intend(job: Job, name: str, *, key: str, at: datetime) -> Job:
    """PLANNED -> SUBMITTING: about to pay, with this key. Save it before the call goes out."""
    step = _step(job, name, "intend")
    moved = replace(
        step, state=StepState.SUBMITTING, submission=Submission(key=key, intended_at=at)
    )
    return _moved(job, step, moved, "about to pay for one pipeline", at, progress=False)


def withdraw(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING -> PLANNED, for a call that is known to have cost nothing.

    Raises IllegalTransitionError after an unknown answer: then the intent is all that stands
    between us and paying twice. A second call that cost nothing is taken back instead.
    """
    step, submission = _submission(job, name, "withdraw")
    if submission.calls > 1 or submission.answer is not None:
        raise IllegalTransitionError(f"step {name}: withdraw while an earlier call is unknown")
    moved = replace(step, state=StepState.PLANNED, submission=None)
    return _moved(job, step, moved, because, at, progress=False)


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
    return _moved(job, step, moved, f"answer unknown: {because}", at, progress=False)


def look_in_vain(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """SUBMITTING stays: the pipeline list does not show our key (yet)."""
    step, submission = _submission(job, name, "look_in_vain")
    moved = replace(step, submission=replace(submission, looks=(*submission.looks, at)))
    return _moved(job, step, moved, because, at, progress=False)


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
    return _moved(job, step, moved, because, at, progress=False)


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
    return _moved(job, step, moved, because, at, progress=False)


def complete(
    job: Job, name: str, *, output: Any, credits_used: str | None, ended_at: datetime, at: datetime
) -> Job:
    """RUNNING -> COMPLETED, with the pipeline's output (any JSON) and cost (decimal string)."""
    step, run = _pipeline(job, name, "complete")
    ended = replace(run, ended_at=ended_at, credits=credits_used)
    moved = replace(step, state=StepState.COMPLETED, pipeline=ended, output=output)
    return _moved(job, step, moved, f"pipeline {run.pipeline_id} completed", at)


def give_up(
    job: Job,
    name: str,
    *,
    because: str,
    is_reported: bool,
    credits_used: str | None,
    ended_at: datetime | None,
    at: datetime,
) -> Job:
    """RUNNING -> FAILED; what it cost is still reported.

    `is_reported` says whether Hautech itself reports the run as failed.
    """
    step, run = _pipeline(job, name, "give_up")
    ended = replace(run, ended_at=ended_at, credits=credits_used, is_reported_failed=is_reported)
    moved = replace(step, state=StepState.FAILED, pipeline=ended)
    return _moved(job, step, moved, because, at)


def await_pipelines(job: Job, *, because: str, at: datetime) -> Job:
    """ACCEPTED or RUNNING -> RUNNING: a poll message with the new ticket takes over.

    Save it before that message is sent: the message that carried the job until now is still
    there, so a crash in between is repaired by its redelivery, and older tickets are ignored.
    """
    job = replace(job, poll_ticket=job.poll_ticket + 1)
    return _job_moved(job, "await_pipelines", JobState.RUNNING, because, at)


def carry_on(job: Job, *, because: str, at: datetime) -> Job:
    """ACCEPTED -> RUNNING: the poll message that carried the job that far goes on carrying it."""
    return _job_moved(job, "carry_on", JobState.RUNNING, because, at)


def wake(job: Job, *, because: str, at: datetime) -> Job:
    """An open job stays what it is, one wake more; a poll message with the new ticket carries it on.

    Save it before that message is sent. Should it never be sent, the job is woken once more.
    """
    job = replace(job, poll_ticket=job.poll_ticket + 1, wakes=job.wakes + 1)
    return _job_moved(job, "wake", job.state, because, at)


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
    job = _got_on(replace(job, event=event, failure=failure))
    return _job_moved(job, "settle", JobState.ANNOUNCING, because, at)


def finish(job: Job, *, at: datetime) -> Job:
    """ANNOUNCING -> SUCCEEDED or FAILED: the event is out."""
    final = JobState.FAILED if job.failure else JobState.SUCCEEDED
    because = "failed event published, dead letter sent" if job.failure else "event published"
    return _job_moved(_got_on(job), "finish", final, because, at)


def reopen(job: Job, *, because: str, at: datetime) -> Job:
    """FAILED -> RUNNING: the job goes on where it stood; a new poll message carries it.

    What may have been paid for is followed on, however the job failed. Only a run that Hautech
    itself reports as failed is planned anew, and then paid for under a new key. The former verdict
    is taken back; the next one has an event of its own. Save it before the message is sent.
    """
    former = job.failure.code if job.failure else ""
    job = replace(
        _got_on(job),
        failure=None,
        event=None,
        redrives=job.redrives + 1,
        reopened_at=at,
        poll_ticket=job.poll_ticket + 1,
    )
    job = _job_moved(job, "reopen", JobState.RUNNING, because, at)
    for step in job.steps:
        job = _reopen_step(job, step, former, at)
    return job


def _reopen_step(job: Job, step: Step, former: str, at: datetime) -> Job:
    """The step as it goes on in a job that failed with the code `former`."""
    run, submission = step.pipeline, step.submission
    is_last = step is job.steps[-1]
    if step.state is StepState.SUBMITTING and submission:
        calls = min(submission.calls, MAX_CALLS - 1)
        moved = replace(step, submission=replace(submission, calls=calls, looks=()))
        because = "looked for again; if two looks find nothing, it is sent once more"
        return _step_moved(job, step, moved, "ask_again", because, at)
    if step.state is StepState.FAILED and run:
        if run.is_reported_failed:
            earlier = (*step.earlier, run)
            moved = replace(step, submission=None, pipeline=None, earlier=earlier)
            because = f"pipeline {run.pipeline_id} failed at Hautech: a new run will be paid for"
            return _step_moved(job, step, moved, "run_anew", because, at)
        moved = replace(step, pipeline=replace(run, ended_at=None, credits=None))
        because = f"pipeline {run.pipeline_id} is polled again, not run again"
        return _step_moved(job, step, moved, "poll_on", because, at)
    is_unusable = step.output is None or (is_last and former == "pipeline.no_output")
    if step.state is StepState.COMPLETED and run and is_unusable:
        moved = replace(step, output=None, pipeline=replace(run, ended_at=None, credits=None))
        because = f"the output of pipeline {run.pipeline_id} is read again"
        return _step_moved(job, step, moved, "read_again", because, at)
    return job


def without_outputs(job: Job) -> Job:
    """The job without what its pipelines gave, when its record would not fit otherwise."""
    return replace(job, steps=tuple(replace(step, output=None) for step in job.steps))


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
    return _told(job, "job", job.state, job.state, because, at)


def note_failure(job: Job, *, because: str, at: datetime) -> Job:
    """An attempt failed: counted, told, the state unchanged."""
    job = replace(job, failures=job.failures + 1)
    return _told(job, "job", job.state, job.state, because, at)


def _job_moved(job: Job, move: str, to: JobState, because: str, at: datetime) -> Job:
    if (job.state, to) not in JOB_MOVES[move]:
        raise IllegalTransitionError(f"job {job.request_id}: {move} from {job.state} to {to}")
    return _told(replace(job, state=to), "job", job.state, to, because, at)


def _step(job: Job, name: str, move: str) -> Step:
    step = job.step(name)
    if job.state not in {JobState.ACCEPTED, JobState.RUNNING}:
        raise IllegalTransitionError(f"step {name}: {move} while the job is {job.state}")
    if step.state is not STEP_MOVES[move][0]:
        raise IllegalTransitionError(f"step {name}: {move} from {step.state}")
    return step


def _submission(job: Job, name: str, move: str) -> tuple[Step, Submission]:
    step = _step(job, name, move)
    if step.submission is None:
        raise IllegalTransitionError(f"step {name}: {move} without a recorded intent")
    return step, step.submission


def _pipeline(job: Job, name: str, move: str) -> tuple[Step, PipelineRun]:
    step = _step(job, name, move)
    if step.pipeline is None:
        raise IllegalTransitionError(f"step {name}: {move} without a pipeline")
    return step, step.pipeline


def _run(job: Job, name: str, move: str, run: PipelineRun, at: datetime, because: str = "") -> Job:
    step = _step(job, name, move)
    moved = replace(step, state=StepState.RUNNING, pipeline=run)
    return _moved(job, step, moved, because or f"pipeline {run.pipeline_id} started", at)


def _step_moved(job: Job, step: Step, moved: Step, move: str, because: str, at: datetime) -> Job:
    moved = replace(moved, state=STEP_MOVES[move][1])
    return _moved(job, _step(job, step.name, move), moved, because, at)


def _moved(
    job: Job, step: Step, moved: Step, because: str, at: datetime, *, progress: bool = True
) -> Job:
    steps = tuple(moved if known is step else known for known in job.steps)
    told = _told(
        replace(job, steps=steps), f"step {step.name}", step.state, moved.state, because, at
    )
    return _got_on(told) if progress else told


def _got_on(job: Job) -> Job:
    """The job, with nothing counted against it any more."""
    return replace(job, failures=0, wakes=0)


def _told(
    job: Job, subject: str, before: str | None, after: str, because: str, at: datetime
) -> Job:
    entry = HistoryEntry(
        at=at,
        subject=subject,
        before=None if before is None else str(before),
        after=str(after),
        because=because[:BECAUSE_LIMIT],
        attempt=job.failures + 1,
    )
    history = (*job.history, entry)
    if len(history) > HISTORY_LIMIT:
        # The beginning tells what was asked, the end what goes on; the middle is repetition.
        history = (*history[:20], *history[-(HISTORY_LIMIT - 20) :])
    return replace(job, history=history, updated_at=at)
