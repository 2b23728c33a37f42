"""A failed job goes on where it stood."""

from dataclasses import replace

import pytest

from tests.builders import NOON, at, given_up_job, job_sent_twice, new_job, running_job
from worker.errors import IllegalTransitionError
from worker.jobs import transitions
from worker.jobs.job import CollectedPicture, Failure, Job, JobState, StepState
from worker.jobs.reopening import reopen

FAILURE = Failure(code="image.missing", message="gone", stage="upload", retryable=False)


def failed_job(job: Job) -> Job:
    return transitions.finish(
        transitions.settle(job, event={"id": "e"}, failure=FAILURE, at=at(10)), at=at(11)
    )


def test_a_reopened_job_has_no_verdict_a_new_ticket_and_patience_from_then_on() -> None:
    before = failed_job(given_up_job(is_reported=False))
    job = reopen(before, because="redriven", at=at(20))
    assert (job.state, job.failure, job.event) == (JobState.RUNNING, None, None)
    assert (job.redrives, job.open_since) == (1, at(20))
    assert job.poll_ticket == before.poll_ticket + 1


def test_a_reopened_job_collects_again_what_an_older_release_left_in_its_record() -> None:
    left = CollectedPicture(step="full-naomi", index=0, output={})
    before = replace(failed_job(given_up_job(is_reported=False)), collected=(left,))
    assert reopen(before, because="redriven", at=at(20)).collected == ()


@pytest.mark.parametrize("job", [new_job(), running_job()], ids=["accepted", "running"])
def test_an_open_job_cannot_be_reopened(job: Job) -> None:
    with pytest.raises(IllegalTransitionError, match="reopen from"):
        reopen(job, because="", at=at(20))


def test_a_succeeded_job_cannot_be_reopened() -> None:
    settled = transitions.settle(running_job(), event={}, failure=None, at=NOON)
    with pytest.raises(IllegalTransitionError, match="reopen from succeeded"):
        reopen(transitions.finish(settled, at=NOON), because="", at=at(20))


def test_a_run_that_hautech_reports_as_failed_is_planned_anew_and_kept_in_mind() -> None:
    step = reopen(failed_job(given_up_job(is_reported=True)), because="", at=at(20)).steps[0]
    assert (step.state, step.submission, step.pipeline) == (StepState.PLANNED, None, None)
    assert [run.pipeline_id for run in step.earlier] == ["p-full-naomi"]


def test_a_run_that_was_given_up_otherwise_is_polled_again() -> None:
    step = reopen(failed_job(given_up_job(is_reported=False)), because="", at=at(20)).steps[0]
    assert step.state is StepState.RUNNING
    assert step.pipeline is not None
    assert (step.pipeline.pipeline_id, step.pipeline.ended_at) == ("p-full-naomi", None)


def test_a_reopened_unknown_submission_keeps_its_key_and_has_one_call_left() -> None:
    job = job_sent_twice()
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(3))
    job = reopen(failed_job(job), because="", at=at(20))
    submission = job.steps[0].submission
    assert submission is not None
    assert (submission.key, submission.calls, submission.looks) == ("k", 1, ())
    assert submission.intended_at == NOON
    with pytest.raises(IllegalTransitionError, match="needs two looks"):
        transitions.intend_again(job, "full-naomi", at=at(21))


def test_what_was_completed_or_never_begun_stays_as_it_is() -> None:
    job = transitions.complete(
        running_job("naomi"),
        "prepare-pose",
        output={"poseId": "p"},
        credits_used=None,
        ended_at=at(5),
        at=at(5),
    )
    reopened = reopen(failed_job(job), because="", at=at(20))
    assert reopened.steps == job.steps


def test_an_output_that_did_not_fit_into_the_record_is_read_again() -> None:
    job = transitions.complete(
        running_job(), "full-naomi", output={}, credits_used="1", ended_at=at(5), at=at(5)
    )
    job = failed_job(transitions.without_outputs(job))
    assert reopen(job, because="", at=at(20)).steps[0].state is StepState.RUNNING


def test_a_variant_that_was_given_up_unknown_is_looked_for_and_not_planned_anew() -> None:
    """Planned anew it would be paid again, without a look for what may have been paid already."""
    job = job_sent_twice()
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(3))
    unknown = Failure(code="submission.unknown", message="?", stage="submit", retryable=True)
    job = transitions.do_without(job, "full-naomi", failure=unknown, at=at(4))
    assert (job.steps[0].state, job.steps[0].failure) == (StepState.FAILED, unknown)
    step = reopen(failed_job(job), because="", at=at(20)).steps[0]
    assert step.submission is not None
    assert (step.state, step.failure) == (StepState.SUBMITTING, None)
    assert (step.submission.key, step.submission.calls, step.submission.looks) == ("k", 1, ())
