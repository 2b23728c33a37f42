"""Trouble that comes in pairs, and what changes between two deliveries of one message.

Each test here is a hole that once was open: paid twice, stuck, or given up too early.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.builders import FULL_NAOMI_INPUT, body
from tests.scenarios.crash import Killer
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing, losing_answers
from worker.adapters.memory import MemoryWorld
from worker.adapters.memory.clock import START
from worker.contracts.dead_letter import DeadLetterReason
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    OutputUnusableError,
    ThrottledError,
    UnavailableError,
    WorkerError,
)
from worker.jobs.job import Job, JobState, Lease
from worker.jobs.outcomes import RetryLater

CUSTOM = "11111111-2222-4333-8444-555555555555"


def unknown_then(service: Service, *errors: Exception) -> None:
    """The first run is started and its answer lost; the next ones are refused with `errors`."""
    works = service.world.hautech.run
    plan: Iterator[Exception] = iter((AnswerUnknownError("read timed out"), *errors))

    def run(*args: Any) -> str:
        error = next(plan, None)
        if isinstance(error, AnswerUnknownError):
            works(*args)
        if error is not None:
            raise error
        return works(*args)

    service.world.hautech.run = run  # type: ignore[method-assign, assignment]  # -- the fault to test


def test_a_refused_second_call_keeps_the_unknown_first_one() -> None:
    service = Service()
    service.world.hautech.list_lag_s = 60
    unknown_then(service, ThrottledError("429", retry_after_s=120))
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 1
    assert service.job.state is JobState.SUCCEEDED
    run = service.job.step("full-naomi").pipeline
    assert run is not None
    assert run.adopted


def test_an_upload_with_a_short_life_is_not_made_again_and_again() -> None:
    service = Service()
    service.world.hautech.image_ttl_s = 3_600
    service.send(body())
    service.run()
    assert service.world.hautech.uploads == 2
    assert service.job.state is JobState.SUCCEEDED


def test_a_paid_job_goes_on_when_the_rules_change_before_its_request_comes_again() -> None:
    number = calls_until("hautech.run")
    service = Service(Killer(at=number, when="after"))
    service.send(body())
    service.step()
    service.change_rules(input_buckets=frozenset({"elsewhere"}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1
    assert {event.data.status for event in service.events} == {"succeeded"}


def test_an_unpaid_job_fails_with_its_record_when_the_rules_change() -> None:
    number = calls_until("hautech.upload")
    service = Service(Killer(at=number, when="before"))
    service.send(body())
    service.step()
    service.change_rules(input_buckets=frozenset({"elsewhere"}))
    service.run()
    assert service.job.state is JobState.FAILED
    assert service.event.data.error is not None
    assert service.event.data.error.code == "request.invalid"
    assert service.world.hautech.runs == []


def test_a_poll_message_of_another_release_is_left_for_a_worker_that_can_read_it() -> None:
    service = Service()
    service.send(body())
    service.step()
    (poll,) = service.world.polls.bodies()
    newer = poll.replace('"v":1', '"v":2')
    assert newer != poll
    service.world.polls.receive(visibility_s=10_000)
    service.world.polls.send(newer)
    service.step()
    assert isinstance(service.outcomes[-1], RetryLater)
    assert newer in service.world.polls.bodies()
    assert len(service.world.dead_letters) == 0
    assert service.events == []


def carried_by(carrier: str) -> Service:
    """A job under way that its request message still carries, or its poll message already."""
    service = Service()
    if carrier == "request":
        failing(service.world.hautech, "upload", iter([UnavailableError("503")]))
    service.send(body())
    service.step()
    return service


@pytest.mark.parametrize("carrier", ["request", "poll"])
def test_a_job_that_a_newer_release_wrote_is_left_to_it_with_its_message(carrier: str) -> None:
    service = carried_by(carrier)
    records = service.world.store._records
    (request_id,) = records
    known = records[request_id]
    decisive = {"of_a_newer_release": [1], "must_understand": ["of_a_newer_release"]}
    newer = json.dumps({**json.loads(known.document), **decisive})
    records[request_id] = unreadable = dataclasses.replace(known, document=newer)
    service.run_for(deliveries=80)
    rests = service.outcomes[1:]
    assert {one.after_s for one in rests if isinstance(one, RetryLater)} == {300.0}
    assert len(rests) == 80
    assert records[request_id] == unreadable
    assert (service.events, len(service.world.dead_letters)) == ([], 0)
    records[request_id] = known  # that release is back, and can read it
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


@pytest.mark.parametrize("carrier", ["request", "poll"])
def test_what_a_newer_release_added_is_kept_by_an_older_one_to_the_end(carrier: str) -> None:
    service = carried_by(carrier)
    records = service.world.store._records
    ((request_id, known),) = records.items()
    newer = json.dumps({**json.loads(known.document), "of_a_newer_release": [1]})
    records[request_id] = dataclasses.replace(known, document=newer)
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert json.loads(records[request_id].document)["of_a_newer_release"] == [1]


def test_a_stray_poll_message_is_dead_lettered_without_an_event() -> None:
    service = Service()
    service.world.polls.send('{"hello": "world"}')
    service.run()
    assert service.events == []
    assert len(service.world.dead_letters) == 1


def test_the_largest_request_that_a_message_can_carry_fits_into_its_record() -> None:
    service = Service()
    filler = "x" * 240_000
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png", "text": filler}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_huge_output_is_kept_at_hautech_and_its_picture_is_collected() -> None:
    service = Service()
    service.world.hautech.output_of = lambda _given, output: {**output, "log": "x" * 500_000}
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png"}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.event.data.outputs) == 1
    assert "omitted" in service.event.data.result["output"]


@pytest.mark.parametrize("method", ["download", "runs_since"])
def test_paid_work_outlives_an_outage_of_hours(method: str) -> None:
    service = Service(max_attempts=3)
    if method == "runs_since":
        losing_answers(service, 1)
    failing(service.world.hautech, method, iter([UnavailableError("503")] * 40))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_what_cannot_be_found_out_in_the_end_is_called_unknown_and_not_unpaid() -> None:
    service = Service(paid_patience_s=3_600)
    losing_answers(service, 1)
    failing(service.world.hautech, "runs_since", iter([UnavailableError("503")] * 10_000))
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "submission.unknown"
    assert "may have been paid" in error.message


def test_a_message_is_answered_with_a_reason_before_the_queue_takes_it_away() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([CredentialsRefusedError("403")] * 10_000))
    service.send(body())
    service.run()
    assert service.job.state is JobState.FAILED
    assert service.event.data.error is not None
    assert service.event.data.error.code == "attempts.exhausted"
    (sent,) = service.world.dead_letters.sent
    assert DeadLetterReason.from_attributes(sent.attributes) is not None


def test_an_adopted_run_may_echo_more_than_was_sent() -> None:
    # Photos that are shared prove nothing: with reuse, the whole input has to agree.
    service = Service(reuses=False)
    losing_answers(service, 1)
    service.world.hautech.keeps_metadata = False
    read = service.world.hautech.read_pipeline

    def with_defaults(pipeline_id: str) -> Any:
        report = read(pipeline_id)
        assert report.input is not None
        report.input["enhancePrompt"] = False
        return report

    service.world.hautech.read_pipeline = with_defaults  # type: ignore[method-assign]  # -- as above
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 1


def test_too_many_runs_without_a_key_are_no_proof_that_ours_is_not_among_them() -> None:
    service = Service()
    hautech = service.world.hautech
    hautech.keeps_metadata = False
    for _ in range(150):
        hautech.run(CUSTOM, {"imageId": "somebody-elses"}, {})
    failing(hautech, "run", iter([AnswerUnknownError("reset")]))
    service.send(body())
    for _ in range(4):
        service.step()
    assert len(hautech.runs) == 150, "not found among some is not a reason to pay"
    assert "cannot tell" in service.outcomes[-1].because  # type: ignore[union-attr]  # -- RetryLater


def test_a_request_that_expires_between_its_steps_is_finished() -> None:
    service = Service()
    soon = START + timedelta(seconds=4)
    service.send(body("naomi", expiresAt=soon.isoformat()))
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_after_its_expiry_an_unknown_run_is_not_paid_a_second_time() -> None:
    service = Service()
    failing(service.world.hautech, "run", iter([AnswerUnknownError("reset")]))
    soon = START + timedelta(seconds=4)
    service.send(body(expiresAt=soon.isoformat()))
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "submission.unknown"
    assert service.world.hautech.runs == []


@pytest.mark.parametrize("advice_s", [0.0, -5.0])
def test_advice_to_come_back_at_once_does_not_burn_the_attempts(advice_s: float) -> None:
    service = Service()
    failing(
        service.world.hautech,
        "upload",
        iter([ThrottledError("429", retry_after_s=advice_s)] * 9),
    )
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert (service.world.clock.now() - START).total_seconds() > 60


def test_advice_of_a_day_is_shortened() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([ThrottledError("429", retry_after_s=86_400)]))
    service.send(body())
    service.run()
    waits = [one.after_s for one in service.outcomes if isinstance(one, RetryLater)]
    assert waits == [900.0]


def test_a_failing_job_reports_what_its_other_pipelines_cost() -> None:
    service = Service(max_attempts=2, paid_patience_s=0)
    works = service.world.hautech.run

    def run(workflow_id: str, given: Any, metadata: Any) -> str:
        if metadata["hautechWorker"]["step"] == "prepare-image":
            raise UnavailableError("503")
        return works(workflow_id, given, metadata)

    service.world.hautech.run = run  # type: ignore[method-assign, assignment]  # -- the fault to test
    service.world.hautech.duration_s = 0
    service.send(body("naomi"))
    service.run()
    assert service.job.state is JobState.FAILED
    assert [use.credits for use in service.event.data.pipelines] == ["0.04375"]


def test_a_run_that_failed_for_lack_of_balance_says_so() -> None:
    service = Service()
    for workflow_id in list(service.world.hautech.durations_s) or [CUSTOM]:
        service.world.hautech.failures[workflow_id] = ("INSUFFICIENT_FUNDS", "insufficient balance")
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png"}))
    service.run()
    assert service.event.data.error is not None
    assert service.event.data.error.code == "pipeline.out_of_funds"


def test_signed_links_in_an_output_are_followed_but_never_kept_or_published() -> None:
    service = Service()
    hautech = service.world.hautech
    secret = "X-Amz-Signature=deadbeef"

    def linked(_given: Any, output: Any) -> Any:
        return {"imageUrl": f"https://pictures.hautech.test/{output['imageId']}.png?{secret}"}

    download = hautech.download
    followed: list[str] = []

    def without_query(picture: Any, sink: Any) -> Any:
        followed.append(picture.url)
        return download(type(picture)(url=picture.url.partition("?")[0]), sink)

    hautech.output_of = linked
    hautech.download = without_query  # type: ignore[method-assign]  # -- a host that takes signatures
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png"}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert secret in followed[0]
    assert secret not in service.world.topic.events[0].text
    assert secret not in repr(service.job)


def test_a_request_may_name_the_same_photo_for_both() -> None:
    service = Service()
    uri = "s3://catalog/raw/jacket.png"
    service.send(body(input={**FULL_NAOMI_INPUT, "imageId": uri, "poseImageId": uri}))
    service.run()
    assert service.world.hautech.uploads == 1
    assert service.job.state is JobState.SUCCEEDED


def test_a_verdict_that_was_announced_is_not_reversed_when_its_picture_vanishes() -> None:
    service = Service(Killer(at=calls_until("topic.publish"), when="after"))
    service.send(body())
    while not service.deaths:
        service.step()
    failing(service.world.hautech, "download", iter([OutputUnusableError("gone")] * 10))
    service.run()
    assert {event.data.status for event in service.events} == {"succeeded"}
    assert service.job.state is JobState.SUCCEEDED


def test_a_paid_pipeline_is_in_the_record_before_anything_slow_follows() -> None:
    undisturbed = Service()
    undisturbed.send(body("naomi"))
    undisturbed.run()
    second_upload = undisturbed.killer.calls.index("hautech.run") + 1
    number = undisturbed.killer.calls.index("hautech.upload", second_upload) + 1
    service = Service(Killer(at=number, when="before"))
    service.send(body("naomi"))
    while not service.deaths:
        service.step()
    assert service.job.step("prepare-pose").pipeline is not None


def nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "poison",
    [{"text": "half \ud800"}, {"deep": nested(150)}, {"\ud800": 1}, {"fffe": "\ufffe\uffff\x00"}],
    ids=["surrogate", "deep", "surrogate key", "noncharacters"],
)
def test_whatever_stands_in_an_output_the_job_ends_with_an_event(poison: Any) -> None:
    service = Service()
    service.world.hautech.output_of = lambda _given, output: {**output, **poison}
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png"}))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.event.data.outputs) == 1


def test_a_pipeline_that_can_never_be_read_ends_with_an_event() -> None:
    service = Service()
    failing(service.world.hautech, "look", iter([RecursionError("too deep")] * 10_000))
    service.send(body())
    service.run()
    assert service.event.data.error is not None
    assert service.event.data.error.code == "attempts.exhausted"


def test_a_failure_with_absurd_words_still_ends_with_an_event() -> None:
    service = Service()
    service.world.hautech.failures[CUSTOM] = ("C\ud800" * 100_000, "why \ud800" * 100_000)
    service.send(body(CUSTOM, input={"imageId": "s3://catalog/raw/jacket.png"}))
    service.run()
    assert service.event.data.error is not None
    assert service.event.data.error.code == "pipeline.failed"


def test_a_record_that_cannot_be_written_ends_with_an_event_all_the_same() -> None:
    service = Service()
    works = service.world.store.save

    def save(job: Job, *, lease: Lease | None) -> Job:
        if any(image.image_id for image in job.images):
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        return works(job, lease=lease)

    service.world.store.save = save  # type: ignore[method-assign]  # -- the fault to test
    service.send(body())
    service.run()
    assert service.job.state is JobState.FAILED
    assert service.event.data.error is not None
    assert service.event.data.error.code == "attempts.exhausted"
    assert service.world.hautech.runs == []


def test_an_unknown_answer_of_the_store_does_not_cost_a_paid_job() -> None:
    service = Service()
    service.world.hautech.duration_s = 30
    service.send(body())
    while not service.job_is(JobState.RUNNING) or service.killer.calls.count("hautech.look") < 9:
        service.step()
    failing(service.world.hautech, "look", iter([UnavailableError("503")] * 8))
    failing(service.world.store, "save", iter([WorkerError("NobodyKnowsThisException")]))
    service.run()
    assert service.job.state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("port", "method"),
    [
        pytest.param(lambda world: world.queue, "send_poll", id="send_poll"),
        pytest.param(lambda world: world.store, "save", id="save"),
    ],
)
def test_a_request_outlasts_an_outage_in_which_nothing_can_be_written_down(
    port: Callable[[MemoryWorld], Any], method: str
) -> None:
    """It once came back every two seconds, until the queue put it away: after four minutes."""
    service = Service()
    works = getattr(port(service.world), method)
    over = START + timedelta(hours=2)

    def fails(*args: Any, **kwargs: Any) -> Any:
        if service.world.clock.now() < over:
            raise UnavailableError("503")
        return works(*args, **kwargs)

    setattr(port(service.world), method, fails)
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1
    assert len(service.world.dead_letters) == 0


def test_a_dead_letter_is_ascii_whatever_the_request_says() -> None:
    service = Service()
    service.send(
        body(input={**FULL_NAOMI_INPUT, "prompt": "é \ufffe", "imageId": "s3://catalog/no"})
    )
    service.run()
    (letter,) = service.world.dead_letters.bodies()
    assert letter.isascii()


def test_the_list_is_looked_at_right_before_a_second_call() -> None:
    service = Service()
    service.world.hautech.list_lag_s = 8
    losing_answers(service, 1)
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 1


def test_the_record_says_why_a_job_rests_and_says_it_once() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([CredentialsRefusedError("401: no")] * 5))
    service.send(body())
    service.run()
    told = [entry.because for entry in service.job.history if "resting" in entry.because]
    assert told == ["upload: resting: 401: no"]


def calls_until(name: str) -> int:
    """The number of the first outside call of that name in an undisturbed job."""
    service = Service()
    service.send(body())
    service.run()
    return service.killer.calls.index(name) + 1
