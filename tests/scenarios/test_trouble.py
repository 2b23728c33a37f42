"""Passing, systemic and final trouble on the way: what is retried, held, given up."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from worker.adapters.memory.pictures import draw_png
from worker.contracts.workflows import WORKFLOWS
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    OutputDamagedError,
    OutputForbiddenError,
    OutputUnusableError,
    ThrottledError,
    UnavailableError,
)
from worker.jobs.document import to_document
from worker.jobs.job import Job, JobState, Lease
from worker.jobs.outcomes import RetryLater
from worker.ports.objects import ObjectInfo

FULL_NAOMI = WORKFLOWS["full-naomi"].workflow_id


def failing(port: Any, method: str, errors: Iterator[Exception | None]) -> None:
    """The port's method raises the next error before doing anything, until one is None."""
    works = getattr(port, method)

    def call(*args: Any, **kwargs: Any) -> Any:
        error = next(errors, None)
        if error is not None:
            raise error
        return works(*args, **kwargs)

    setattr(port, method, call)


def losing_answers(service: Service, times: int) -> None:
    """Hautech starts the run and its answer is lost, so many times."""
    works = service.world.hautech.run
    left = [times]

    def run(*args: Any) -> str:
        pipeline_id = works(*args)
        if left[0]:
            left[0] -= 1
            raise AnswerUnknownError("POST …/run: read timed out")
        return pipeline_id

    service.world.hautech.run = run  # type: ignore[method-assign, assignment]  # -- the fault to test


CALLS: list[tuple[Callable[[Service], Any], str]] = [
    (lambda service: service.world.objects, "open"),
    (lambda service: service.world.hautech, "upload"),
    (lambda service: service.world.hautech, "run"),
    (lambda service: service.world.queue, "send_poll"),
    (lambda service: service.world.hautech, "look"),
    (lambda service: service.world.hautech, "download"),
    (lambda service: service.world.objects, "put"),
    (lambda service: service.world.objects, "head"),
    (lambda service: service.world.topic, "publish"),
    (lambda service: service.world.store, "create"),
    (lambda service: service.world.store, "save"),
    (lambda service: service.world.store, "load"),
]


@pytest.mark.parametrize(("port", "method"), CALLS, ids=[name for _, name in CALLS])
@pytest.mark.parametrize(
    "error",
    [UnavailableError("503"), ThrottledError("429", retry_after_s=7), RuntimeError("a bug")],
    ids=["unavailable", "throttled", "unforeseen"],
)
def test_trouble_that_passes_delays_the_job_and_nothing_else(
    port: Callable[[Service], Any], method: str, error: Exception
) -> None:
    service = Service()
    failing(port(service), method, iter([error, error]))
    service.send(body())
    service.run()
    if (method, type(error)) == ("run", RuntimeError):
        # Where our own code fails around the paid call, the call counts as sent: two of them,
        # neither found, and it is not paid a third time.
        assert service.event.data.error is not None
        assert service.event.data.error.code == "submission.unknown"
        return
    assert service.job.state is JobState.SUCCEEDED
    assert len({event.id for event in service.events}) == 1
    assert len(service.world.hautech.runs) == 1


def test_the_other_sides_advice_wins_over_our_backoff() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([ThrottledError("429", retry_after_s=77)]))
    service.send(body())
    service.run()
    assert RetryLater(77, "429") in service.outcomes


def test_attempts_are_counted_in_the_record_and_run_out() -> None:
    service = Service(max_attempts=4)
    errors = iter([UnavailableError("503")] * 100)
    failing(service.world.hautech, "upload", errors)
    service.send(body())
    service.run()
    assert service.job.state is JobState.FAILED
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage, error.retryable) == ("attempts.exhausted", "upload", True)
    assert "4 failed attempts" in error.message
    assert "503" in error.message


def test_somebody_elses_trouble_spends_no_attempt() -> None:
    service = Service(max_attempts=2)
    failing(service.world.hautech, "upload", iter([CredentialsRefusedError("401")] * 20))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.job.failures == 0


def test_a_paid_pipeline_is_followed_through_an_outage() -> None:
    service = Service(max_attempts=3)
    failing(service.world.hautech, "look", iter([UnavailableError("503")] * 9))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_refused_run_fails_the_job_unpaid() -> None:
    service = Service()
    failing(service.world.hautech, "run", iter([HautechRefusedError("400: label")]))
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("hautech.refused", "submit")
    assert service.world.hautech.runs == []


def test_a_lost_answer_is_found_by_its_key_and_not_paid_again() -> None:
    service = Service()
    losing_answers(service, 1)
    service.send(body())
    service.run()
    assert len(service.world.hautech.runs) == 1
    run = service.job.step("full-naomi").pipeline
    assert run is not None
    assert run.adopted


def test_an_answer_lost_twice_and_hidden_fails_and_says_that_it_does_not_know() -> None:
    service = Service()
    losing_answers(service, 2)
    service.world.hautech.list_lag_s = 3_600
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "submission.unknown"
    assert len(service.world.hautech.runs) == 2


def test_a_second_call_that_is_refused_says_that_the_first_may_have_been_paid_for() -> None:
    service = Service()
    losing_answers(service, 1)
    service.world.hautech.list_lag_s = 3_600
    service.send(body())
    while len(service.world.hautech.runs) < 1:
        service.step()
    failing(service.world.hautech, "run", iter([HautechRefusedError("400: label")]))
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "submission.unknown"
    assert "400: label" in error.message


def test_another_jobs_run_is_not_adopted() -> None:
    service = Service()
    service.send(body(requestId="first"))
    service.run()
    failing(service.world.hautech, "run", iter([AnswerUnknownError("reset")]))
    service.send(body(requestId="second"))
    service.run()
    assert len(service.world.hautech.runs) == 2
    marks = [run.metadata["hautechWorker"]["jobId"] for run in service.world.hautech.runs]
    assert marks == ["first", "second"]


def test_a_run_without_a_key_is_nobodys_to_a_step_that_sent_no_id_of_its_own() -> None:
    service = Service()
    hautech = service.world.hautech
    hautech.keeps_metadata = False
    ready = {"poseId": hautech.add_pose(), "imageId": hautech.add_image(draw_png("ready"))}
    strangers = hautech.run(WORKFLOWS["naomi"].workflow_id, {**ready, "prompt": "theirs"}, {})
    failing(hautech, "run", iter([AnswerUnknownError("reset")]))
    service.send(body("naomi", input={**ready, "prompt": "ours"}))
    service.run()
    run = service.job.step("naomi").pipeline
    assert run is not None
    assert run.pipeline_id != strangers


def test_a_failed_pipeline_fails_the_job_with_hautechs_words_and_its_cost() -> None:
    service = Service()
    service.world.hautech.failures[FULL_NAOMI] = ("LABEL_NOT_FOUND", "nothing matches the label")
    service.send(body())
    service.run()
    data = service.event.data
    assert data.error is not None
    assert (data.error.code, data.error.stage) == ("pipeline.failed", "poll")
    assert "LABEL_NOT_FOUND: nothing matches the label" in data.error.message
    assert [use.credits for use in data.pipelines] == ["0.04375"]


def test_a_pipeline_that_stays_pending_fails_the_job_in_the_end() -> None:
    service = Service(pipeline_timeout_s=1800)
    service.world.hautech.duration_s = 1e6
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "pipeline.timeout"


@pytest.mark.parametrize("output", [None, {}, "no id", {"imageId": 7}, [[[[[["deep"]]]]]]])
def test_a_completed_pipeline_without_an_image_fails_and_shows_the_output(output: Any) -> None:
    service = Service()
    service.world.hautech.output_of = lambda _input, _output: output
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "pipeline.no_output"
    assert str(output)[:20] in error.message


def test_an_echoed_input_is_not_taken_for_the_output() -> None:
    service = Service()
    service.world.hautech.output_of = lambda given, _output: {"imageId": given["imageId"]}
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "pipeline.no_output"


def test_a_cut_download_is_repeated_and_never_stored() -> None:
    service = Service()
    failing(service.world.hautech, "download", iter([OutputDamagedError("cut")]))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert [uri.key for uri in service.world.objects.puts].count(
        "generated/sku-1042/sku-1042-front.png"
    ) == 1


def as_it_is_not(info: ObjectInfo) -> ObjectInfo:
    return replace(info, sha256="0" * 64)


@pytest.mark.parametrize("damage", [lambda _info: None, as_it_is_not], ids=["gone", "other bytes"])
def test_a_damaged_object_in_s3_is_noticed_before_anything_is_announced(
    damage: Callable[[ObjectInfo], ObjectInfo | None],
) -> None:
    service = Service()
    works = service.world.objects.head
    damages = iter([damage])

    def head(uri: Any) -> Any:
        if uri.bucket != "shop":
            return works(uri)
        return next(damages, lambda info: info)(works(uri))  # type: ignore[arg-type]  # -- it is there

    service.world.objects.head = head  # type: ignore[method-assign]  # -- the fault to test
    service.send(body())
    while not service.outcomes or not isinstance(service.outcomes[-1], RetryLater):
        assert service.step()
    assert service.events == []
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_an_output_bucket_that_is_closed_fails_the_job_and_the_event_still_goes_out() -> None:
    service = Service()
    service.world.objects.forbidden.add("shop")
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("output.forbidden", "collect")
    assert [use.step for use in service.event.data.pipelines] == ["full-naomi"]


def test_a_refused_look_at_what_was_just_written_costs_no_paid_job() -> None:
    """A HEAD's 403 does not say whether the clock, the credentials or a permission is to blame."""
    service = Service(reuses=False)
    refusal = OutputForbiddenError("S3 refuses HeadObject (403)")
    failing(service.world.objects, "head", iter([refusal]))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert any("collect: resting: S3 refuses" in entry.because for entry in service.job.history)


@pytest.mark.parametrize("times", [1, 2])
def test_an_output_that_came_damaged_is_asked_for_again_before_the_job_fails(times: int) -> None:
    service = Service()
    rubbish = OutputUnusableError("these bytes are no image")
    failing(service.world.hautech, "download", iter([rubbish] * times))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_an_output_that_stays_unusable_fails_the_job() -> None:
    service = Service()
    rubbish = OutputUnusableError("these bytes are no image")
    failing(service.world.hautech, "download", iter([rubbish] * 3))
    service.send(body())
    service.run()
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("output.unusable", "collect")


def test_a_stopping_worker_begins_no_paid_call_and_spends_no_attempt() -> None:
    service = Service()
    service.send(body())
    service.world.budget.left_s = 21.0
    service.step()
    assert service.world.hautech.runs == []
    assert service.outcomes[-1] == RetryLater(0.0, "the paid call needs 23 s and 21 s are left")
    assert service.job.failures == 0
    assert service.job.lease is None
    service.world.budget.left_s = 1e9
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_poll_message_with_an_old_ticket_is_dropped() -> None:
    service = Service()
    service.world.hautech.duration_s = 60
    service.send(body())
    service.step()
    (old,) = service.world.polls.bodies()
    service.send(body())
    while len(service.world.requests):
        service.step()
    assert len(service.world.polls) == 2
    for _ in range(2):
        service.step()
    assert service.job.state is JobState.RUNNING
    assert len(service.world.polls) == 1
    assert old not in service.world.polls.bodies()
    service.run()
    assert len(service.events) == 1


def test_a_poll_message_of_a_forgotten_job_is_dropped() -> None:
    service = Service()
    service.send(body())
    service.step()
    service.world.store.forget("sku-1042-front")
    service.run()
    assert len(service.world.polls) == 0


def test_a_job_held_by_another_worker_is_left_alone_until_its_lease_ends() -> None:
    service = Service()
    service.send(body())
    service.killer.at, service.killer.when = 4, "after"
    service.step()
    assert service.job.lease is not None
    service.send(body())
    service.step()
    assert isinstance(service.outcomes[-1], RetryLater)
    assert service.outcomes[-1].because.startswith("another worker holds the job")
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_worker_that_was_frozen_before_the_paid_call_does_not_make_it() -> None:
    service = Service()
    save = service.world.store.save
    frozen = iter([True])

    def save_and_freeze(job: Job, *, lease: Lease | None) -> Job:
        saved = save(job, lease=lease)
        if any(step.submission for step in job.steps) and next(frozen, False):
            service.world.clock.advance(600)
        return saved

    service.world.store.save = save_and_freeze  # type: ignore[method-assign]  # -- the fault to test
    service.send(body())
    service.step()
    assert service.world.hautech.runs == []
    assert isinstance(service.outcomes[-1], RetryLater)
    service.run()
    assert len(service.world.hautech.runs) == 1
    assert service.job.state is JobState.SUCCEEDED


def test_a_worker_that_was_frozen_while_it_renewed_its_lease_writes_no_picture() -> None:
    service = Service()
    save, download = service.world.store.save, service.world.hautech.download
    frozen = iter([True])
    is_late: list[bool] = []

    def slow_download(*args: Any) -> Any:
        is_late.append(True)
        service.world.clock.advance(45)
        return download(*args)

    def save_and_freeze(job: Job, *, lease: Lease | None) -> Job:
        saved = save(job, lease=lease)
        if len(is_late) and next(frozen, False):
            service.world.clock.advance(600)
        return saved

    service.world.hautech.download = slow_download  # type: ignore[method-assign, assignment]  # -- makes it late
    service.world.store.save = save_and_freeze  # type: ignore[method-assign]  # -- the fault to test
    service.send(body())
    while not is_late:
        service.step()
    assert service.world.objects.puts == []
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_while_somebody_else_is_down_a_request_rests_longer_each_time_and_never_runs_out() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([CredentialsRefusedError("401")] * 80))
    service.send(body())
    started = service.world.clock.now()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.dead_letters) == 0
    rests = [one.after_s for one in service.outcomes if isinstance(one, RetryLater)]
    assert max(rests[:1]) <= 36
    assert min(rests[6:]) >= 720
    assert (service.world.clock.now() - started).total_seconds() > 60_000


def test_a_paid_job_that_rests_is_given_up_in_the_end_although_new_messages_wake_it() -> None:
    """Whoever wakes a silent job sends a new message, whose deliveries count from one again."""
    service = Service(paid_patience_s=7_200)
    service.send(body())
    service.step()
    failing(service.world.hautech, "look", iter([CredentialsRefusedError("401")] * 10_000))
    for _ in range(200):
        service.step()
        service.reconcile()
        if service.job.state.is_final:
            break
    assert service.event.data.error is not None
    assert service.event.data.error.code == "attempts.exhausted"


@pytest.mark.parametrize("method", ["upload", "run", "download"])
def test_an_unforeseen_error_leaves_no_secret_in_the_record(method: str) -> None:
    service = Service(max_attempts=2, paid_patience_s=600)
    said = "GET https://pictures.test/a.png?X-Goog-Signature=CANARY: Bearer CANARY.CANARY.CANARY"
    failing(service.world.hautech, method, iter([RuntimeError(said)] * 500))
    service.send(body())
    service.run()
    assert service.event.type.endswith("failed")
    assert "CANARY" not in to_document(service.job)
    assert all("CANARY" not in one.text for one in service.world.topic.events)
