"""The moves between the states, and that the drawn charts and the tables list the same ones."""

import re

import pytest

from tests.builders import NOON, at, new_job, running_job, with_uploads
from worker.errors import IllegalTransitionError
from worker.jobs import transitions
from worker.jobs.job import Failure, Job, JobState, StepState
from worker.jobs.transitions import HISTORY_LIMIT, JOB_MOVES, STEP_MOVES

FAILURE = Failure(code="image.missing", message="gone", stage="upload", retryable=False)


def submitting() -> Job:
    return transitions.intend(with_uploads(new_job()), "full-naomi", key="k", at=NOON)


def chart(title: str) -> str:
    text = transitions.__doc__ or ""
    return re.split(r"\n    (?=job\n|step\n)", text)[1 if title == "job" else 2]


def legend(title: str) -> dict[str, set[str]]:
    """Letter -> the moves that the chart's legend names for it."""
    found = re.findall(
        r"^    ([a-z](?:, [a-z])*)  ([a-z_]+(?:, [a-z_]+)*)   ", chart(title), re.MULTILINE
    )
    return {letters: set(names.split(", ")) for letters, names in found}


def test_the_job_chart_names_every_move_and_every_state() -> None:
    assert set().union(*legend("job").values()) == set(JOB_MOVES)
    drawing = chart("job").split("\n    a  ")[0]
    for state in JobState:
        assert state in drawing


def test_the_step_chart_names_every_move_and_every_state() -> None:
    assert set().union(*legend("step").values()) == set(STEP_MOVES)
    drawing = chart("step").split("\n    a  ")[0]
    for state in StepState:
        assert state in drawing


def test_every_letter_of_a_legend_stands_at_an_edge() -> None:
    for title in ("job", "step"):
        drawing, letters = chart(title).split("\n    a  ")[0], ",".join(legend(title))
        for letter in letters.replace(" ", "").split(","):
            assert re.search(rf"(?<![a-z]){letter}(?![a-z])", drawing), (title, letter)


def test_a_new_job_tells_its_plan() -> None:
    job = new_job("naomi")
    assert job.state is JobState.ACCEPTED
    assert "prepare-pose + prepare-image + naomi" in job.history[0].because


def test_an_intent_is_recorded_with_key_and_time_before_anything_is_paid() -> None:
    step = submitting().step("full-naomi")
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
        transitions.intend(submitting(), "full-naomi", key="other", at=NOON)


def test_a_running_step_cannot_be_withdrawn() -> None:
    with pytest.raises(IllegalTransitionError, match="withdraw from running"):
        transitions.withdraw(running_job(), "full-naomi", because="", at=NOON)


def test_paying_again_needs_two_looks() -> None:
    job = transitions.look_in_vain(submitting(), "full-naomi", because="no", at=at(1))
    with pytest.raises(IllegalTransitionError, match="needs two looks"):
        transitions.intend_again(job, "full-naomi", at=at(2))


def test_paying_a_third_time_is_illegal() -> None:
    job = submitting()
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(1))
    job = transitions.intend_again(job, "full-naomi", at=at(2))
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(3))
    with pytest.raises(IllegalTransitionError, match="a call left"):
        transitions.intend_again(job, "full-naomi", at=at(4))


def test_a_lost_answer_keeps_the_intent() -> None:
    job = transitions.lose_answer(submitting(), "full-naomi", because="read timed out", at=NOON)
    submission = job.step("full-naomi").submission
    assert submission is not None
    assert submission.answer == "read timed out"


def test_an_adopted_pipeline_counts_from_the_intent() -> None:
    job = transitions.adopt(submitting(), "full-naomi", pipeline_id="p", because="key", at=at(60))
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
    job = transitions.note_failure(submitting(), because="503", at=NOON)
    job = transitions.note_failure(job, because="503", at=NOON)
    assert job.failures == 2
    assert job.history[-1].attempt == 3
    assert transitions.start(job, "full-naomi", pipeline_id="p", at=NOON).failures == 0


def test_withdrawing_a_refused_call_does_not_reset_the_failures() -> None:
    job = transitions.note_failure(submitting(), because="429", at=NOON)
    assert transitions.withdraw(job, "full-naomi", because="429", at=NOON).failures == 1


def test_the_history_stays_bounded_and_keeps_its_beginning() -> None:
    job = new_job()
    for second in range(HISTORY_LIMIT * 2):
        job = transitions.note_failure(job, because="503", at=at(second))
    assert len(job.history) == HISTORY_LIMIT
    assert job.history[0].because.startswith("valid request")
    assert job.history[-1].at == at(HISTORY_LIMIT * 2 - 1)


def second_call() -> Job:
    job = transitions.lose_answer(submitting(), "full-naomi", because="reset", at=NOON)
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(1))
    return transitions.intend_again(job, "full-naomi", at=at(2))


def test_a_second_call_that_cost_nothing_leaves_the_first_as_unknown_as_before() -> None:
    job = transitions.take_back(second_call(), "full-naomi", because="429", at=at(3))
    submission = job.step("full-naomi").submission
    assert submission is not None
    assert (submission.calls, submission.looks, submission.key) == (1, (), "k")
    with pytest.raises(IllegalTransitionError, match="needs two looks"):
        transitions.intend_again(job, "full-naomi", at=at(4))


def test_an_unknown_answer_cannot_be_withdrawn() -> None:
    with pytest.raises(IllegalTransitionError, match="an earlier call is unknown"):
        transitions.withdraw(second_call(), "full-naomi", because="429", at=at(3))


def test_the_first_call_cannot_be_taken_back() -> None:
    with pytest.raises(IllegalTransitionError, match="take_back after 1 call"):
        transitions.take_back(submitting(), "full-naomi", because="429", at=at(3))


def test_a_job_may_have_cost_something_from_the_first_intent_on() -> None:
    assert not with_uploads(new_job()).may_have_cost
    assert submitting().may_have_cost
    assert running_job().may_have_cost


def failed_job(job: Job) -> Job:
    return transitions.finish(
        transitions.settle(job, event={"id": "e"}, failure=FAILURE, at=at(10)), at=at(11)
    )


def given_up(*, is_reported: bool) -> Job:
    return failed_job(
        transitions.give_up(
            running_job(),
            "full-naomi",
            because="-",
            is_reported=is_reported,
            credits_used="0.04",
            ended_at=at(9),
            at=at(9),
        )
    )


def test_a_reopened_job_has_no_verdict_a_new_ticket_and_patience_from_then_on() -> None:
    before = given_up(is_reported=False)
    job = transitions.reopen(before, because="redriven", at=at(20))
    assert (job.state, job.failure, job.event) == (JobState.RUNNING, None, None)
    assert (job.redrives, job.open_since) == (1, at(20))
    assert job.poll_ticket == before.poll_ticket + 1


@pytest.mark.parametrize("job", [new_job(), running_job()], ids=["accepted", "running"])
def test_an_open_job_cannot_be_reopened(job: Job) -> None:
    with pytest.raises(IllegalTransitionError, match="reopen from"):
        transitions.reopen(job, because="", at=at(20))


def test_a_succeeded_job_cannot_be_reopened() -> None:
    settled = transitions.settle(running_job(), event={}, failure=None, at=NOON)
    with pytest.raises(IllegalTransitionError, match="reopen from succeeded"):
        transitions.reopen(transitions.finish(settled, at=NOON), because="", at=at(20))


def test_a_run_that_hautech_reports_as_failed_is_planned_anew_and_kept_in_mind() -> None:
    step = transitions.reopen(given_up(is_reported=True), because="", at=at(20)).steps[0]
    assert (step.state, step.submission, step.pipeline) == (StepState.PLANNED, None, None)
    assert [run.pipeline_id for run in step.earlier] == ["p-full-naomi"]


def test_a_run_that_was_given_up_otherwise_is_polled_again() -> None:
    step = transitions.reopen(given_up(is_reported=False), because="", at=at(20)).steps[0]
    assert step.state is StepState.RUNNING
    assert step.pipeline is not None
    assert (step.pipeline.pipeline_id, step.pipeline.ended_at) == ("p-full-naomi", None)


def test_a_reopened_unknown_submission_keeps_its_key_and_has_one_call_left() -> None:
    job = second_call()
    for _ in range(2):
        job = transitions.look_in_vain(job, "full-naomi", because="no", at=at(3))
    job = transitions.reopen(failed_job(job), because="", at=at(20))
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
    reopened = transitions.reopen(failed_job(job), because="", at=at(20))
    assert reopened.steps == job.steps


def test_an_output_that_did_not_fit_into_the_record_is_read_again() -> None:
    job = transitions.complete(
        running_job(), "full-naomi", output={}, credits_used="1", ended_at=at(5), at=at(5)
    )
    job = failed_job(transitions.without_outputs(job))
    assert transitions.reopen(job, because="", at=at(20)).steps[0].state is StepState.RUNNING
