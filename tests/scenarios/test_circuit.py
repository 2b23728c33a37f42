"""While Hautech is down, the account empty or the token refused: requests rest, paid jobs go on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing, losing_answers
from worker.contracts.s3_uri import S3Uri
from worker.engine.circuit import FAILURES_MOST
from worker.errors import (
    CredentialsRefusedError,
    OutOfFundsError,
    SystemicError,
    UnavailableError,
    WorkerError,
)
from worker.jobs.job import Job, JobState
from worker.jobs.outcomes import Done, RetryLater
from worker.ports.generation import ImageUpload, UploadedImage
from worker.ports.notices import CircuitNotice, HoldReason
from worker.ports.objects import Reader, StoredObject

REFUSED = CredentialsRefusedError("401: who are you?")


class Outage:
    """Hautech refuses some of its calls until it is over."""

    def __init__(self, service: Service, error: WorkerError, *methods: str) -> None:
        self.error: WorkerError | None = error
        self.calls = 0
        for method in methods:
            failing(service.world.hautech, method, self._errors())

    def _errors(self) -> Iterator[Exception | None]:
        while True:
            self.calls += self.error is not None
            yield self.error

    def end(self) -> None:
        self.error = None


def held_service() -> tuple[Service, Outage]:
    """A service that has found out from its first request that the token is refused."""
    service = Service()
    outage = Outage(service, REFUSED, "upload", "sign_in", "run")
    service.send(body(requestId="first"))
    service.step()
    assert service.intake.reason is HoldReason.TOKEN_REFUSED
    return service, outage


def job_of(service: Service, request_id: str) -> Job:
    job = service.world.store.load(request_id)
    assert job is not None
    return job


def test_held_requests_leave_no_record_and_cost_no_call() -> None:
    service, outage = held_service()
    calls, writes = outage.calls, service.world.store.writes
    for number in range(50):
        outcome = service.handle_request(body(requestId=f"later-{number}"))
        assert isinstance(outcome, RetryLater)
        assert outcome.because == "intake is held: 401: who are you?"
        assert outcome.after_s >= 24
    assert (outage.calls, service.world.store.writes) == (calls, writes)
    assert [job.request_id for job in service.world.store.all_jobs()] == ["first"]


def test_all_requests_end_well_once_it_is_over_and_no_attempt_was_spent() -> None:
    service, outage = held_service()
    for number in range(20):
        service.send(body(requestId=f"later-{number}"))
    until = service.world.clock.advance(0)
    while (service.world.clock.now() - until).total_seconds() < 6 * 3600:
        service.step()
    assert outage.calls < 6 * 3600 / 240 + 10, "one try in 5 min, give or take a fifth"
    outage.end()
    service.run()
    jobs = service.world.store.all_jobs()
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    assert len(jobs) == len(service.world.hautech.runs) == 21
    assert {entry.attempt for job in jobs for entry in job.history} == {1}
    assert len(service.world.dead_letters) == 0
    assert service.intake.reason is None


def test_the_only_request_in_an_outage_of_a_day_is_not_failed_for_it() -> None:
    service = Service()
    outage = Outage(service, UnavailableError("503"), "upload")
    service.send(body())
    begun = service.world.clock.now()
    while (service.world.clock.now() - begun).total_seconds() < 20 * 3600:
        service.step()
    assert service.job.failures < FAILURES_MOST
    outage.end()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.dead_letters) == 0


def test_a_paid_pipeline_is_collected_after_an_outage_longer_than_its_timeout() -> None:
    service = Service(pipeline_timeout_s=1800)
    outage = Outage(service, UnavailableError("503"), "look")
    service.send(body())
    begun = service.world.clock.now()
    while (service.world.clock.now() - begun).total_seconds() < 6 * 3600:
        service.step()
    outage.end()
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_hardly_anything_is_bought_while_pictures_cannot_be_fetched() -> None:
    service = Service()
    outage = Outage(service, UnavailableError("503 of the picture host"), "download")
    begun = service.world.clock.now()
    for number in range(200):
        service.send(body(requestId=f"sku-{number}"))
        while (service.world.clock.now() - begun).total_seconds() < 60 * number:
            service.step()
    assert service.intake.reason is HoldReason.HAUTECH_DOWN
    tries_most = 200 * 60 / (0.8 * service._rules.circuit_open_max_s) + FAILURES_MOST
    assert len(service.world.hautech.runs) < FAILURES_MOST + tries_most
    outage.end()
    service.run()
    assert {job.state for job in service.world.store.all_jobs()} == {JobState.SUCCEEDED}
    assert len(service.world.hautech.runs) == 200


def test_one_request_at_a_time_finds_out() -> None:
    service, outage = held_service()
    service.world.clock.advance(36)
    calls = outage.calls
    for number in range(10):
        service.handle_request(body(requestId=f"later-{number}"))
    assert outage.calls == calls + 1
    assert len(service.world.store.all_jobs()) == 2


def test_paid_jobs_are_polled_and_collected_while_intake_is_held() -> None:
    service = Service()
    service.send(body(requestId="paid"))
    service.step()
    assert job_of(service, "paid").state is JobState.RUNNING
    service.world.hautech.balance -= service.world.hautech.balance
    service.send(body(requestId="unpaid"))
    while not len(service.world.dead_letters) and len(service.world.polls):
        service.step()
    assert service.intake.reason is HoldReason.OUT_OF_FUNDS
    assert job_of(service, "paid").state is JobState.SUCCEEDED
    assert service.intake.reason is HoldReason.OUT_OF_FUNDS


def test_a_step_of_a_paid_job_is_submitted_even_while_intake_is_held() -> None:
    service = Service(reuses=False)
    service.send(body("naomi", requestId="paid"))
    service.step()
    failing(service.world.hautech, "upload", iter([REFUSED]))
    service.handle_request(body(requestId="other"))
    runs = len(service.world.hautech.runs)
    while len(service.world.hautech.runs) == runs:
        assert service.intake.reason is HoldReason.TOKEN_REFUSED
        service.step()
    service.run()
    assert job_of(service, "paid").state is JobState.SUCCEEDED


def test_a_request_whose_run_may_have_been_paid_is_looked_for_while_intake_is_held() -> None:
    service = Service(reuses=False)
    losing_answers(service, 1)
    service.send(body(requestId="lost"))
    service.step()
    failing(service.world.hautech, "upload", iter([OutOfFundsError("402")]))
    service.handle_request(body(requestId="other"))
    assert service.intake.reason is HoldReason.OUT_OF_FUNDS
    while job_of(service, "lost").state is not JobState.SUCCEEDED:
        service.step()
    assert len(service.world.hautech.runs) == 1


def test_bad_expired_repeated_and_conflicting_requests_are_answered_at_once() -> None:
    service = Service(reuses=False)
    service.send(body(requestId="over"))
    service.run()
    failing(service.world.hautech, "upload", iter([REFUSED]))
    service.handle_request(body(requestId="first"))
    assert service.intake.reason is HoldReason.TOKEN_REFUSED
    assert service.handle_request(body(workflow="nonsense")) == Done()
    assert service.handle_request(body(expiresAt="2020-01-01T00:00:00Z", requestId="old")) == Done()
    assert service.handle_request(body(requestId="over")) == Done()
    assert service.handle_request(body(requestId="over", output="s3://shop/elsewhere/")) == Done()
    codes = [event.data.error.code for event in service.events if event.data.error]
    assert codes == ["request.invalid", "request.expired", "request.conflict"]


def test_an_unpaid_job_stops_between_two_calls_when_others_meet_the_trouble() -> None:
    service = Service(reuses=False)
    service.send(body())
    works = service.world.hautech.upload
    meanwhile = iter([body(requestId="other")])

    def upload(image: Any) -> Any:
        uploaded = works(image)
        if (text := next(meanwhile, None)) is not None:
            failing(service.world.hautech, "upload", iter([REFUSED]))
            service.handle_request(text)
        return uploaded

    service.world.hautech.upload = upload  # type: ignore[method-assign]  # -- the fault to test
    service.step()
    assert service.world.hautech.uploads == 1
    (outcome,) = service.outcomes
    assert isinstance(outcome, RetryLater)
    assert outcome.because.startswith("intake is held")
    job = job_of(service, "sku-1042-front")
    assert (job.failures, job.lease) == (0, None)
    assert not any("held" in entry.because for entry in job.history)
    service.run()
    assert service.world.hautech.uploads == 2, "what was uploaded before is known"
    assert job_of(service, "sku-1042-front").state is JobState.SUCCEEDED


def test_a_held_message_that_is_delivered_again_and_again_rests_longer_each_time() -> None:
    service, _ = held_service()
    rests = [
        outcome.after_s
        for count in range(1, 12)
        if isinstance(
            outcome := service.handle_request(body(requestId="later"), receive_count=count),
            RetryLater,
        )
    ]
    assert rests[0] <= 45
    assert min(rests[6:]) >= 720


def test_a_request_that_sqs_would_soon_take_away_is_given_a_reason_instead() -> None:
    service, _ = held_service()
    text = body(requestId="often")
    assert isinstance(service.handle_request(text, receive_count=89), RetryLater)
    assert service.world.store.load("often") is None
    assert service.handle_request(text, receive_count=90) == Done()
    assert job_of(service, "often").state is JobState.FAILED


def test_trouble_of_s3_while_uploading_is_not_hautechs() -> None:
    class Cut:
        """A body of S3 that ends once Hautech reads it."""

        def __init__(self, body: Reader) -> None:
            self._body = body
            self.close = body.close

        def read(self, size: int = -1, /) -> bytes:
            if uploading:
                raise CredentialsRefusedError("S3: the session has ended")
            return self._body.read(size)

    uploading: list[bool] = []
    service = Service(reuses=False)
    opened, upload = service.world.objects.open, service.world.hautech.upload

    def open_cut(uri: S3Uri) -> StoredObject:
        uploading.clear()
        stored = opened(uri)
        return replace(stored, body=Cut(stored.body))

    def begin_upload(image: ImageUpload) -> UploadedImage:
        uploading.append(True)
        return upload(image)

    service.world.objects.open = open_cut  # type: ignore[method-assign]  # -- the fault to test
    service.world.hautech.upload = begin_upload  # type: ignore[method-assign]  # -- the same
    service.send(body())
    for _ in range(FAILURES_MOST):
        service.step()
        assert service.intake.reason is None
        assert uploading
    assert "S3: the session has ended" in service.job.history[-1].because


def test_a_probe_that_never_came_to_hautech_leaves_the_try_to_the_next_request() -> None:
    service, outage = held_service()
    outage.end()
    service.world.clock.advance(36)
    missing = {"imageId": "s3://catalog/none.png", "label": "a jacket"}
    service.handle_request(body("prepare-image", requestId="bad", input=missing))
    assert service.intake.reason is HoldReason.TOKEN_REFUSED
    service.handle_request(body(requestId="good"))
    assert service.intake.reason is None


def test_people_can_read_why_requests_are_held_and_since_when() -> None:
    service, outage = held_service()
    notice = service.world.board.read()
    assert notice is not None
    assert (notice.reason, notice.said) == (HoldReason.TOKEN_REFUSED, REFUSED.message)
    assert notice.next_try_at is not None
    assert notice.since is not None
    assert notice.since < notice.next_try_at
    posts = service.world.board.posts
    for number in range(30):
        service.handle_request(body(requestId=f"later-{number}"))
    assert service.world.board.posts == posts, "written on change only"
    outage.end()
    service.run()
    notice = service.world.board.read()
    assert notice is not None
    assert notice.reason is None


def test_nothing_stands_between_a_paid_answer_and_its_record() -> None:
    class Names:
        """Keeps the names of all outside calls."""

        def __init__(self) -> None:
            self.names: list[str] = []

        def around(self, name: str, act: Callable[[], Any]) -> Any:
            self.names.append(name)
            return act()

    service = Service()
    failing(service.world.hautech, "run", iter([OutOfFundsError("402: the account is empty")]))
    watch = Names()
    service.watch(watch)
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    paid = len(watch.names) - 1 - watch.names[::-1].index("hautech.run")
    assert watch.names[paid + 1] == "store.save"
    assert watch.names.count("board.post") == 2
    assert watch.names.index("board.post", paid) > paid


def test_a_board_that_cannot_be_written_changes_nothing_else() -> None:
    service = Service()

    def post(notice: CircuitNotice) -> None:
        del notice
        raise UnavailableError("DynamoDB is away")

    service.world.board.post = post  # type: ignore[method-assign]  # -- the fault to test
    failing(service.world.hautech, "upload", iter([REFUSED, SystemicError("no such route")]))
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_woken_job_finds_out_that_it_is_over_when_no_request_comes() -> None:
    """Its request message is lost, so a poll message carries it: the only one there is."""
    service, outage = held_service()
    service.world.requests.purge()
    service.world.clock.advance(3 * 3600)
    outage.end()
    (woken,) = service.reconcile().woken
    assert woken.request_id == "first"
    service.step()
    assert len(service.world.hautech.runs) == 1
    assert service.intake.reason is None
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_woken_job_that_finds_trouble_keeps_requests_held_for_longer() -> None:
    service, outage = held_service()
    service.world.requests.purge()
    service.world.clock.advance(3 * 3600)
    service.reconcile()
    calls = outage.calls
    service.step()
    assert outage.calls == calls + 1
    assert service.intake.reason is HoldReason.TOKEN_REFUSED
    assert service.intake.for_s > 0
