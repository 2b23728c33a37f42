"""A redriven job goes on where it stood: what is paid is followed, nothing is paid unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from tests.builders import body, message
from tests.scenarios.crash import Killed, When
from tests.scenarios.harness import Service
from tests.scenarios.test_holes import unknown_then
from tests.scenarios.test_trouble import failing
from worker.adapters.memory.pictures import draw_png
from worker.contracts.poll import PollMessage
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.engine.redrive import Action, Judgement
from worker.errors import (
    AnswerUnknownError,
    HautechRefusedError,
    OutputForbiddenError,
    OutputUnusableError,
    PermanentError,
    PipelineLostError,
    RecordTooLargeError,
    UnavailableError,
)
from worker.jobs import transitions
from worker.jobs.job import Job, JobState, Lease, StepState
from worker.ports.generation import PipelineReport

FULL_NAOMI = WORKFLOWS["full-naomi"].workflow_id
JACKET = S3Uri("catalog", "raw/jacket.png")


def image_missing() -> Service:
    service = Service()
    service.world.objects.remove(JACKET)
    return service


def picture_put_there(service: Service) -> None:
    service.world.objects.add(JACKET, draw_png("jacket"))


def refused_by_hautech() -> Service:
    service = Service()
    failing(service.world.hautech, "run", iter([HautechRefusedError("400: no such label")]))
    return service


def out_of_attempts() -> Service:
    service = Service(max_attempts=2)
    failing(service.world.hautech, "upload", iter([UnavailableError("503")] * 2))
    return service


def pipeline_failed() -> Service:
    service = Service()
    service.world.hautech.failures[FULL_NAOMI] = ("GPU_LOST", "try again")
    return service


def pipeline_unfunded() -> Service:
    service = Service()
    service.world.hautech.failures[FULL_NAOMI] = ("INSUFFICIENT_FUNDS", "balance too low")
    return service


def hautech_is_well(service: Service) -> None:
    service.world.hautech.failures.clear()


def pipeline_too_slow() -> Service:
    service = Service(pipeline_timeout_s=60)
    service.world.hautech.duration_s = 150
    return service


def pipeline_lost() -> Service:
    service = Service()

    def look(pipeline_id: str) -> PipelineReport:
        raise PipelineLostError(f"Hautech does not know the pipeline {pipeline_id}")

    service.world.hautech.look = look  # type: ignore[method-assign]  # -- the fault to test
    return service


def pipeline_known_again(service: Service) -> None:
    del service.world.hautech.look  # the class has the one that works


def no_output_yet() -> Service:
    service = Service()
    service.world.hautech.output_of = lambda _given, _output: None
    return service


def output_is_there(service: Service) -> None:
    """The pipeline's output can be read by now."""
    hautech = service.world.hautech
    picture = hautech.add_image(draw_png("late"))
    hautech.output_of = None
    object.__setattr__(hautech.runs[0], "output", {"imageId": picture})


def output_forbidden() -> Service:
    service = Service()
    failing(service.world.objects, "put", iter([OutputForbiddenError("no s3:PutObject")] * 2))
    return service


def output_taken() -> Service:
    service = Service()
    for name in ("sku-1042-front.png", "sku-1042-front.sku-1042-front.png"):
        service.world.objects.add(S3Uri("shop", f"generated/sku-1042/{name}"), b"theirs")
    return service


def both_are_moved_away(service: Service) -> None:
    for key in service.world.objects.keys("shop"):
        if key.endswith(".png"):
            service.world.objects.remove(S3Uri("shop", key))


def output_unusable() -> Service:
    service = Service()
    failing(service.world.hautech, "download", iter([OutputUnusableError("no image")] * 3))
    return service


def record_too_large() -> Service:
    """What the pipeline gave does not fit into the record, while this release runs."""
    service = Service()
    saves = service.world.store.save

    def save(job: Job, *, lease: Lease | None) -> Job:
        if not job.redrives and any(step.output for step in job.steps):
            raise RecordTooLargeError("409,600 bytes at most")
        return saves(job, lease=lease)

    service.world.store.save = save  # type: ignore[method-assign]  # -- the fault to test
    return service


def nothing(_: Service) -> None:
    """It is well by itself."""


CASES = [
    pytest.param(image_missing, "image.missing", picture_put_there, 1, id="image.missing"),
    pytest.param(refused_by_hautech, "hautech.refused", nothing, 1, id="hautech.refused"),
    pytest.param(out_of_attempts, "attempts.exhausted", nothing, 1, id="attempts.exhausted"),
    pytest.param(pipeline_failed, "pipeline.failed", hautech_is_well, 2, id="pipeline.failed"),
    pytest.param(
        pipeline_unfunded, "pipeline.out_of_funds", hautech_is_well, 2, id="pipeline.out_of_funds"
    ),
    pytest.param(pipeline_too_slow, "pipeline.timeout", nothing, 1, id="pipeline.timeout"),
    pytest.param(pipeline_lost, "pipeline.lost", pipeline_known_again, 1, id="pipeline.lost"),
    pytest.param(no_output_yet, "pipeline.no_output", output_is_there, 1, id="pipeline.no_output"),
    pytest.param(output_forbidden, "output.forbidden", nothing, 1, id="output.forbidden"),
    pytest.param(output_taken, "output.taken", both_are_moved_away, 1, id="output.taken"),
    pytest.param(output_unusable, "output.unusable", nothing, 1, id="output.unusable"),
    pytest.param(record_too_large, "record.too_large", nothing, 1, id="record.too_large"),
]
Prepare = Callable[[], Service]
Repair = Callable[[Service], None]


def failed(prepare: Prepare, code: str) -> Service:
    """The service after its one job has failed with that code."""
    service = prepare()
    service.send(body())
    service.run()
    assert service.job.failure is not None
    assert service.job.failure.code == code
    assert len(service.world.dead_letters) == 1
    return service


def assert_succeeded(service: Service, *, paid: int) -> None:
    """The picture is there, the second outcome has an event of its own, and nothing is left."""
    assert service.job.state is JobState.SUCCEEDED
    assert service.job.lease is None
    assert len(service.world.hautech.runs) == paid
    assert [event.data.status for event in service.events] == ["failed", "succeeded"]
    assert len({event.id for event in service.events}) == 2
    assert len(service.events[-1].data.outputs) == 1
    assert {one.pipeline_id for one in service.events[-1].data.pipelines} == {
        run.pipeline_id for run in service.world.hautech.runs
    }, "what was paid is not told"
    for queue in (service.world.requests, service.world.polls, service.world.dead_letters):
        assert len(queue) == 0


@pytest.mark.parametrize(("prepare", "code", "repair", "paid"), CASES)
def test_a_redriven_job_goes_on_where_it_stood(
    prepare: Prepare, code: str, repair: Repair, paid: int
) -> None:
    service = failed(prepare, code)
    repair(service)
    (judgement,) = service.redrive()
    assert judgement.action is Action.REOPEN
    assert ("PAID FOR again" in judgement.because) == (paid == 2)
    service.run()
    assert_succeeded(service, paid=paid)


@pytest.mark.parametrize(("prepare", "code", "repair", "paid"), CASES)
def test_two_dead_letters_of_one_job_are_one_job(
    prepare: Prepare, code: str, repair: Repair, paid: int
) -> None:
    service = failed(prepare, code)
    letter = service.world.dead_letters.sent[0]
    service.world.dead_letters.move_in(letter.body, letter.attributes)
    repair(service)
    first, second = service.redrive()
    assert (first.action, second.action) == (Action.REOPEN, Action.WAKE)
    service.run()
    assert_succeeded(service, paid=paid)


def test_a_redrive_while_the_failure_is_announced_leaves_the_job_its_only_dead_letter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = image_missing()
    said: list[Judgement] = []

    def finish(job: Job, *, at: datetime) -> Job:
        """The dead letter is out, and the record does not say `failed` yet."""
        said.extend(service.redrive())
        return transitions.finish(job, at=at)

    monkeypatch.setattr("worker.engine.announce.finish", finish)
    service.send(body())
    service.run()
    assert [one.action for one in said] == [Action.REFUSE]
    assert "redrive it again in a moment" in said[0].because
    assert service.job_is(JobState.FAILED)
    assert len(service.world.dead_letters) == 1
    service.world.objects.add(JACKET, draw_png("jacket"))
    (again,) = service.redrive()
    assert again.action is Action.REOPEN


REDRIVE_CALLS = [
    *["store.load", "store.take_lease", "store.save", "queue.send_poll", "dead_letters.delete"],
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(REDRIVE_CALLS) + 1))
@pytest.mark.parametrize(("prepare", "code", "repair", "paid"), CASES)
def test_a_kill_during_a_redrive_is_repaired_by_redriving_again(
    prepare: Prepare, code: str, repair: Repair, paid: int, number: int, when: When
) -> None:
    service = failed(prepare, code)
    repair(service)
    service.killer.calls.clear()
    service.kill_at(number, when)
    with pytest.raises(Killed, match=REDRIVE_CALLS[number - 1]):
        service.redrive()
    service.redrive()
    service.run()
    assert_succeeded(service, paid=paid)


def test_a_job_that_fails_again_has_a_second_event_and_a_second_dead_letter() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    service.redrive()
    service.run()
    assert service.job_is(JobState.FAILED)
    assert [event.data.status for event in service.events] == ["failed", "failed"]
    assert len({event.id for event in service.events}) == 2
    assert len(service.world.dead_letters) == 1
    assert len(service.world.hautech.runs) == 2
    hautech_is_well(service)
    service.redrive()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 3
    keys = {run.metadata["hautechWorker"]["submitKey"] for run in service.world.hautech.runs}
    assert len(keys) == 3


def test_patience_begins_anew_with_a_redrive() -> None:
    service = failed(pipeline_too_slow, "pipeline.timeout")
    service.world.clock.advance(90_000)
    service.redrive()
    assert service.job.open_since == service.world.clock.now()
    service.run()
    assert_succeeded(service, paid=1)


def test_a_pipeline_that_is_still_pending_is_waited_for_once_more_and_then_given_up() -> None:
    service = Service(pipeline_timeout_s=60)
    service.world.hautech.duration_s = 10_000
    service.send(body())
    service.run()
    service.redrive()
    reopened_at = service.world.clock.now()
    service.run()
    assert service.job.state is JobState.FAILED
    assert service.job.failure is not None
    assert "still pending after 6" in service.job.failure.message
    assert 60 <= (service.world.clock.now() - reopened_at).total_seconds() < 120
    assert len(service.world.hautech.runs) == 1


def submission_unknown(*, started: int) -> Service:
    """Both calls got no answer; so many of them did start a run, which the list hides so far."""
    service = Service()
    service.world.hautech.list_lag_s = 10_000
    works = service.world.hautech.run
    calls = [0]

    def run(*args: object) -> str:
        calls[0] += 1
        if calls[0] > 2:
            return works(*args)  # type: ignore[arg-type]  # -- as the port has them
        if calls[0] <= started:
            works(*args)  # type: ignore[arg-type]
        raise AnswerUnknownError("read timed out")

    service.world.hautech.run = run  # type: ignore[method-assign, assignment]  # -- the fault to test
    return service


def test_a_run_whose_answer_was_lost_is_found_at_a_redrive_and_not_paid_again() -> None:
    service = failed(lambda: submission_unknown(started=1), "submission.unknown")
    service.world.clock.advance(20_000)
    (judgement,) = service.redrive()
    assert "looked for at Hautech" in judgement.because
    service.run()
    assert_succeeded(service, paid=1)
    run = service.job.step("full-naomi").pipeline
    assert run is not None
    assert run.adopted


def test_a_run_that_is_not_found_at_a_redrive_is_sent_exactly_once_more() -> None:
    service = failed(lambda: submission_unknown(started=0), "submission.unknown")
    service.world.clock.advance(20_000)
    service.redrive()
    service.run()
    assert_succeeded(service, paid=1)
    looks = [entry for entry in service.job.history if "look " in entry.because]
    assert len(looks) == 6  # two after each of the two calls, and two after the redrive


def test_a_redrive_pays_at_most_once_more_when_answers_are_lost_again() -> None:
    service = Service()
    unknown_then(service, *[AnswerUnknownError("read timed out")] * 9)
    service.world.hautech.list_lag_s = 100_000
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 2
    service.redrive()
    service.run()
    assert service.job.state is JobState.FAILED
    assert service.job.failure is not None
    assert service.job.failure.code == "submission.unknown"
    assert len(service.world.hautech.runs) == 3


def test_a_lost_answer_after_a_redrive_does_not_adopt_the_run_that_failed() -> None:
    """Without our key in the list the failed run looks like the one we look for."""
    service = failed(pipeline_failed, "pipeline.failed")
    hautech_is_well(service)
    service.world.hautech.keeps_metadata = False
    failed_id = service.world.hautech.runs[0].pipeline_id
    failing(service.world.hautech, "run", iter([AnswerUnknownError("read timed out")]))
    service.redrive()
    service.run()
    assert_succeeded(service, paid=2)
    step = service.job.step("full-naomi")
    assert step.pipeline is not None
    assert step.pipeline.pipeline_id != failed_id


def test_a_paid_job_is_followed_for_a_day_from_its_redrive() -> None:
    service = failed(output_unusable, "output.unusable")
    service.world.clock.advance(100_000)
    failing(service.world.hautech, "download", iter([UnavailableError("503")] * 12))
    service.redrive()
    service.run()
    assert_succeeded(service, paid=1)


def test_steps_that_completed_are_not_paid_again() -> None:
    service = Service()
    service.world.hautech.failures[WORKFLOWS["naomi"].workflow_id] = ("GPU_LOST", "try again")
    service.send(body("naomi"))
    service.run()
    hautech_is_well(service)
    service.redrive()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    steps = [run.metadata["hautechWorker"]["step"] for run in service.world.hautech.runs]
    assert sorted(steps) == ["naomi", "naomi", "prepare-image", "prepare-pose"]


def test_an_upload_that_hautech_forgot_meanwhile_is_made_again() -> None:
    service = Service()
    service.world.hautech.image_ttl_s = 40_000
    service.world.hautech.failures[FULL_NAOMI] = ("GPU_LOST", "try again")
    service.send(body())
    service.run()
    hautech_is_well(service)
    service.world.clock.advance(50_000)
    service.redrive()
    service.run()
    assert service.world.hautech.uploads == 4
    assert_succeeded(service, paid=2)


def expiring() -> str:
    return body(expiresAt="2030-01-02T04:04:05Z")  # an hour after the clock's start


def test_a_job_past_its_expiry_is_not_paid_for_by_a_redrive() -> None:
    for prepare in (image_missing, pipeline_failed):
        service = prepare()
        service.send(expiring())
        service.run()
        service.world.clock.advance(4_000)
        paid = len(service.world.hautech.runs)
        (judgement,) = service.redrive()
        assert judgement.action is Action.REFUSE
        assert "has passed and nothing that was paid for is left" in judgement.because
        service.run()
        assert service.job.state is JobState.FAILED
        assert len(service.world.hautech.runs) == paid
        assert len(service.world.dead_letters) == 1


def test_a_paid_job_past_its_expiry_is_followed() -> None:
    service = pipeline_too_slow()
    service.send(expiring())
    service.run()
    service.world.clock.advance(4_000)
    service.redrive()
    service.run()
    assert_succeeded(service, paid=1)


def test_a_redriven_job_that_has_cost_nothing_is_held_against_the_rules_of_today() -> None:
    service = failed(image_missing, "image.missing")
    picture_put_there(service)
    service.change_rules(input_buckets=frozenset({"elsewhere"}))
    service.redrive()
    service.run()
    assert service.job.failure is not None
    assert service.job.failure.code == "request.invalid"
    assert service.world.hautech.uploads == 1  # of the pose, before the first failure


def test_a_conflicting_request_leaves_the_first_job_alone() -> None:
    service = Service()
    service.send(body())
    service.run()
    service.send(body(metadata={"sku": "other"}))
    service.run()
    (judgement,) = service.redrive()
    assert judgement.action is Action.REFUSE
    assert "belongs to a job with other content" in judgement.because
    assert service.job.state is JobState.SUCCEEDED


def test_a_refused_request_is_sent_again_as_it_came() -> None:
    service = Service()
    service.change_rules(input_buckets=frozenset({"elsewhere"}))
    text = json.dumps(message(), indent=3)
    service.send(text)
    service.run()
    service.change_rules(input_buckets=frozenset({"catalog"}))
    (judgement,) = service.redrive()
    assert judgement.action is Action.SEND
    assert service.world.requests.bodies() == [text]
    assert not set(service.world.requests.sent[-1].attributes)
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_request_that_sqs_moved_before_it_was_a_job_keeps_its_own_attributes() -> None:
    service = Service()
    service.world.dead_letters.move_in(body(), {"tenant": "shop-7"})
    service.redrive()
    assert dict(service.world.requests.sent[-1].attributes) == {"tenant": "shop-7"}
    service.run()
    assert service.job.state is JobState.SUCCEEDED


SEND_CALLS = ["store.load", "requests.send_batched", "dead_letters.delete"]


@pytest.mark.parametrize("is_worked_on", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(SEND_CALLS) + 1))
def test_a_kill_while_a_message_is_sent_again_makes_one_job_of_it(
    number: int, when: When, is_worked_on: bool
) -> None:
    service = Service()
    service.world.dead_letters.move_in(body(), {})
    service.kill_at(number, when)
    with pytest.raises(Killed, match=SEND_CALLS[number - 1]):
        service.redrive()
    if is_worked_on:
        service.run()
    service.redrive()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1
    assert len(service.world.dead_letters) == 0


@pytest.mark.parametrize("kind", ["request", "poll"])
def test_a_message_that_sqs_moved_while_its_job_was_open_wakes_the_job(kind: str) -> None:
    service = Service()
    service.send(body())
    service.step()
    (poll,) = service.world.polls.bodies()
    service.world.polls.purge()
    service.world.dead_letters.move_in(poll if kind == "poll" else body(), {})
    (judgement,) = service.redrive()
    assert judgement.action is Action.WAKE
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_a_poll_message_of_a_job_that_is_over_or_gone_is_dropped() -> None:
    service = Service()
    service.send(body())
    service.step()
    (poll,) = service.world.polls.bodies()
    service.run()
    service.world.dead_letters.move_in(poll, {})
    assert [one.action for one in service.redrive()] == [Action.DROP]
    service.world.store.forget("sku-1042-front")
    service.world.dead_letters.move_in(poll, {})
    assert [one.action for one in service.redrive()] == [Action.DROP]
    assert len(service.world.dead_letters) == 0


def test_a_poll_message_does_not_reopen_a_failed_job_whose_own_dead_letter_was_dropped() -> None:
    service = Service()
    service.world.hautech.failures[FULL_NAOMI] = ("GPU_LOST", "try again")
    service.send(body())
    service.step()
    (poll,) = service.world.polls.bodies()
    service.run()
    service.world.dead_letters.purge()
    service.world.dead_letters.move_in(poll, {})
    current = PollMessage(request_id=service.job.request_id, ticket=service.job.poll_ticket)
    service.world.dead_letters.move_in(current.dumps(), {})
    assert [one.action for one in service.redrive()] == [Action.DROP] * 2
    service.run()
    assert service.job_is(JobState.FAILED)
    assert len(service.world.hautech.runs) == 1


def test_a_malformed_message_of_the_polls_queue_does_not_reopen_a_failed_job() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    service.world.dead_letters.purge()
    service.world.polls.send(body())
    service.run()
    assert [one.action for one in service.redrive()] == [Action.REFUSE]
    assert service.job_is(JobState.FAILED)
    assert len(service.world.dead_letters) == 1


def test_a_stray_message_of_the_polls_queue_is_left_to_a_person() -> None:
    service = Service()
    service.world.polls.send('{"hello": "world"}')
    service.run()
    assert [one.action for one in service.redrive()] == [Action.REFUSE]
    assert len(service.world.dead_letters) == 1


def test_a_paid_job_whose_record_is_gone_is_not_paid_again_unasked() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    service.world.store.forget("sku-1042-front")
    (judgement,) = service.redrive()
    assert judgement.action is Action.REFUSE
    assert "which pays again" in judgement.because


def test_a_poll_message_from_before_the_redrive_is_dropped() -> None:
    service = Service(pipeline_timeout_s=60)
    service.world.hautech.duration_s = 150
    service.send(body())
    service.step()
    (old,) = service.world.polls.bodies()
    service.run()
    service.world.polls.send(old)
    service.redrive()
    service.run()
    assert_succeeded(service, paid=1)


def test_the_record_tells_of_the_redrive_and_keeps_the_run_that_failed() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    hautech_is_well(service)
    service.redrive()
    service.run()
    job = service.job
    (step,) = job.steps
    assert step.state is StepState.COMPLETED
    assert [run.is_reported_failed for run in step.earlier] == [True]
    assert job.redrives == 1
    assert any("redriven by hand after pipeline.failed" in one.because for one in job.history)


def test_every_failure_code_of_a_job_has_a_redrive_test() -> None:
    tried = {str(case.id) for case in CASES} | {
        "submission.unknown",
        *("request.invalid", "request.malformed", "request.conflict", "request.expired"),
        "poll.malformed",
        # Of a batch, which is no job; of a row of a cancelled one, which has no dead letter.
        *("batch.manifest", "request.cancelled"),
        # As image.missing: nothing was paid, the upload is made again.
        *("image.forbidden", "image.too_large", "image.unreadable"),
    }
    codes = {kind.code for kind in _all_kinds(PermanentError)}
    assert codes - tried == set()


def _all_kinds(kind: type[PermanentError]) -> set[type[PermanentError]]:
    """Every class below it that has a code of its own."""
    below = set(kind.__subclasses__())
    return below.union(*(_all_kinds(one) for one in below))
