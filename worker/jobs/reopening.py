"""reopening: a failed job goes on where it stood, once a person redrives it.

Its steps move by `poll_on`, `read_again`, `ask_again`, `look_anew` and `run_anew`. Only the last one pays anew;
the two before it do when two looks have found nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from worker.jobs.job import Job, JobState, Step, StepState
from worker.jobs.moving import got_on, job_moved, step_moved
from worker.jobs.transitions import MAX_CALLS


def reopen(job: Job, *, because: str, at: datetime) -> Job:
    """FAILED -> RUNNING: the job goes on where it stood; a new poll message carries it.

    What may have been paid for is followed on, however the job failed. Only a run that Hautech
    itself reports as failed is planned anew, and then paid for under a new key. The former verdict
    is taken back; the next one has an event of its own. Save it before the message is sent.
    """
    former = job.failure.code if job.failure else ""
    job = replace(
        got_on(job),
        failure=None,
        event=None,
        collected=(),
        redrives=job.redrives + 1,
        reopened_at=at,
        poll_ticket=job.poll_ticket + 1,
    )
    job = job_moved(job, "reopen", JobState.RUNNING, because, at)
    for step in job.steps:
        job = _reopen_step(job, step, former, at)
    return job


def _reopen_step(job: Job, step: Step, former: str, at: datetime) -> Job:
    """The step as it goes on in a job that failed with the code `former`."""
    run, submission = step.pipeline, step.submission
    is_last = step is job.steps[-1]
    is_unknown = step.state is StepState.SUBMITTING or (step.state is StepState.FAILED and not run)
    if is_unknown and submission:
        calls = min(submission.calls, MAX_CALLS - 1)
        again = replace(submission, calls=calls, looks=())
        moved = replace(step, state=StepState.SUBMITTING, submission=again, failure=None)
        because = "looked for again; if two looks find nothing, it is sent once more"
        move = "look_anew" if step.state is StepState.FAILED else "ask_again"
        return step_moved(job, step, moved, move, because, at)
    if step.state is StepState.FAILED and run:
        if run.is_reported_failed:
            earlier = (*step.earlier, run)
            moved = replace(step, submission=None, pipeline=None, earlier=earlier, failure=None)
            because = f"pipeline {run.pipeline_id} failed at Hautech: a new run will be paid for"
            return step_moved(job, step, moved, "run_anew", because, at)
        moved = replace(step, pipeline=replace(run, ended_at=None, credits=None), failure=None)
        because = f"pipeline {run.pipeline_id} is polled again, not run again"
        return step_moved(job, step, moved, "poll_on", because, at)
    if step.state is StepState.FAILED:
        because = "it was refused, and nothing was paid for it: it is sent again"
        return step_moved(job, step, replace(step, failure=None), "run_anew", because, at)
    is_unusable = step.output is None or (is_last and former == "pipeline.no_output")
    if step.state is StepState.COMPLETED and run and is_unusable:
        moved = replace(step, output=None, pipeline=replace(run, ended_at=None, credits=None))
        because = f"the output of pipeline {run.pipeline_id} is read again"
        return step_moved(job, step, moved, "read_again", because, at)
    return job
