"""The moves between the states."""

from dataclasses import replace

import pytest

from tests.builders import (
    NOON,
    at,
    job_sent_twice,
    new_job,
    running_job,
    submitting_job,
    with_uploads,
)
from worker.errors import IllegalTransitionError
from worker.jobs import transitions
from worker.jobs.job import CollectedPicture, Failure, JobState, StepState
from worker.jobs.moving import HISTORY_LIMIT, HISTORY_LIMIT_BYTES

FAILURE = Failure(code="image.missing", message="gone", stage="upload", retryable=False)


def test_a_new_job_tells_its_plan() -> None:
    job = new_job("naomi")
    assert job.state is JobState.ACCEPTED
    assert "prepare-pose + prepare-image + naomi" in job.history[0].because


def test_an_intent_is_recorded_with_key_and_time_before_anything_is_paid() -> None:
    step = submitting_job().step("full-naomi")
    assert step.state is StepState.SUBMITTING
    assert step.submission is not None
    assert (step.submission.key, step.submission.intended_at, step.submission.calls) == (
        "k",
        NOON,
        1,
    )


def test_a_step_cannot_be_started_without_an_intent() -> None:
    with pytest.raises(IllegalTransitionError, match="start from planned"):
        transitions.start(new_job(), "full-naomi", pipeline_id="p", at=NOON)


def test_a_second_intent_for_a_submitting_step_is_illegal() -> None:
    with pytest.raises(IllegalTransitionError, match="intend from submitting"):
        transitions.intend(submitting_job(), "full-naomi", key="other", at=NOON)


def test_a_running_step_cannot_be_withdrawn() -> None:
    with pytest.raises(IllegalTransitionError, match="withdraw from running"):
        transitions.withdraw(running_job(), "full-naomi", because="", at=NOON)


def test_paying_again_needs_two_looks() -> None:
    job = transitions.look_in_vain(submitting_job(), "full-naomi", because="no", at=at(1))
    with pytest.raises(IllegalTransitionError, match="needs two looks"):
        transitions.intend_again(job, "full-naomi", at=at(2))


def test_paying_a_third_time_is_illegal() -> None:
    job = submitting_job()
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(1))
    job = transitions.intend_again(job, "full-naomi", at=at(2))
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(3))
    with pytest.raises(IllegalTransitionError, match="a call left"):
        transitions.intend_again(job, "full-naomi", at=at(4))


def test_a_lost_answer_keeps_the_intent() -> None:
    job = transitions.lose_answer(submitting_job(), "full-naomi", because="read timed out", at=NOON)
    submission = job.step("full-naomi").submission
    assert submission is not None
    assert submission.answer == "read timed out"


def test_an_adopted_pipeline_counts_from_the_intent() -> None:
    job = transitions.adopt(
        submitting_job(), "full-naomi", pipeline_id="p", because="key", at=at(60)
    )
    run = job.step("full-naomi").pipeline
    assert run is not None
    assert run.adopted
    assert run.submitted_at == NOON


def test_each_wait_has_a_new_ticket() -> None:
    job = running_job()
    again = transitions.await_pipelines(job, because="came again", at=NOON)
    assert again.poll_ticket == job.poll_ticket + 1


def test_a_settled_job_takes_no_second_verdict() -> None:
    job = transitions.settle(running_job(), event={"id": "e"}, failure=FAILURE, at=NOON)
    with pytest.raises(IllegalTransitionError, match="settle from announcing"):
        transitions.settle(job, event={"id": "other"}, failure=None, at=NOON)


def test_what_was_collected_is_kept_once_a_picture_until_the_verdict_says_it() -> None:
    first = CollectedPicture(step="full-naomi", index=0, output={"uri": "s3://b/k"})
    job = transitions.keep_collected(replace(running_job(), failures=3), first)
    job = transitions.keep_collected(job, replace(first, renditions_tried=1))
    (kept,) = job.collected
    assert (kept.renditions_tried, job.failures) == (1, 0)
    assert job.collected_picture("full-naomi", 1) is None
    assert transitions.settle(job, event={}, failure=None, at=NOON).collected == ()
    assert transitions.without_outputs(job).collected == ()


def test_a_settled_job_cannot_pay() -> None:
    job = transitions.settle(new_job(), event={}, failure=FAILURE, at=NOON)
    with pytest.raises(IllegalTransitionError, match="while the job is announcing"):
        transitions.intend(job, "full-naomi", key="k", at=NOON)


@pytest.mark.parametrize(
    ("failure", "final"), [(None, JobState.SUCCEEDED), (FAILURE, JobState.FAILED)]
)
def test_a_job_finishes_as_its_verdict_says(failure: Failure | None, final: JobState) -> None:
    job = transitions.settle(running_job(), event={}, failure=failure, at=NOON)
    assert transitions.finish(job, at=NOON).state is final


def test_a_job_that_was_not_settled_cannot_finish() -> None:
    with pytest.raises(IllegalTransitionError, match="finish from running"):
        transitions.finish(running_job(), at=NOON)


def test_failures_count_up_and_getting_on_resets_them() -> None:
    job = transitions.note_failure(submitting_job(), because="503", at=NOON)
    job = transitions.note_failure(job, because="503", at=NOON)
    assert job.failures == 2
    assert job.history[-1].attempt == 3
    assert transitions.start(job, "full-naomi", pipeline_id="p", at=NOON).failures == 0


def test_withdrawing_a_refused_call_does_not_reset_the_failures() -> None:
    job = transitions.note_failure(submitting_job(), because="429", at=NOON)
    assert transitions.withdraw(job, "full-naomi", because="429", at=NOON).failures == 1


def test_the_history_stays_bounded_and_keeps_its_beginning() -> None:
    job = new_job()
    for second in range(HISTORY_LIMIT * 2):
        job = transitions.note_failure(job, because="503", at=at(second))
    assert len(job.history) == HISTORY_LIMIT
    assert job.history[0].because.startswith("valid request")
    assert job.history[-1].at == at(HISTORY_LIMIT * 2 - 1)


def test_a_history_of_long_names_stays_bounded_too() -> None:
    job = new_job()
    for second in range(HISTORY_LIMIT):
        job = transitions.note_failure(job, because=f"{second}" + "ä" * 400, at=at(second))
    texts = [entry.subject + entry.because for entry in job.history]
    assert 24 * 1024 < sum(len(text.encode()) for text in texts) < HISTORY_LIMIT_BYTES
    assert job.history[0].because.startswith("valid request")
    assert job.history[-1].at == at(HISTORY_LIMIT - 1)


def test_a_second_call_that_cost_nothing_leaves_the_first_as_unknown_as_before() -> None:
    job = transitions.take_back(job_sent_twice(), "full-naomi", because="429", at=at(3))
    submission = job.step("full-naomi").submission
    assert submission is not None
    assert (submission.calls, submission.looks, submission.key) == (1, (), "k")
    with pytest.raises(IllegalTransitionError, match="needs two looks"):
        transitions.intend_again(job, "full-naomi", at=at(4))


def test_an_unknown_answer_cannot_be_withdrawn() -> None:
    with pytest.raises(IllegalTransitionError, match="an earlier call is unknown"):
        transitions.withdraw(job_sent_twice(), "full-naomi", because="429", at=at(3))


def test_the_first_call_cannot_be_taken_back() -> None:
    with pytest.raises(IllegalTransitionError, match="take_back after 1 call"):
        transitions.take_back(submitting_job(), "full-naomi", because="429", at=at(3))


def test_a_job_may_have_cost_something_from_the_first_intent_on() -> None:
    assert not with_uploads(new_job()).may_have_cost
    assert submitting_job().may_have_cost
    assert running_job().may_have_cost
