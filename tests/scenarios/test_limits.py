"""The limits that are set, or that Hautech asks for: what waits for a turn, and what never does."""

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing
from worker.adapters.memory.pictures import draw_png
from worker.contracts.follow import FollowMessage
from worker.contracts.s3_uri import S3Uri
from worker.engine.in_flight import COUNT_AGE_S
from worker.errors import AnswerUnknownError, ThrottledError, UnavailableError
from worker.jobs.job import JobState
from worker.jobs.outcomes import Done, RetryLater
from worker.ports.generation import PipelineReport
from worker.ports.notices import HoldReason


def states(service: Service) -> list[JobState]:
    return [job.state for job in service.world.store.all_jobs()]


@pytest.mark.parametrize("workflow", ["full-naomi", "naomi"])
def test_never_more_jobs_are_in_flight_than_may_be_and_all_of_them_end(workflow: str) -> None:
    service = Service(in_flight_most=3)
    for number in range(10):
        service.send(body(workflow, requestId=f"sku-{number}"))
    most = 0
    while service.step():
        most = max(most, len(service.world.polls))
    # A job with two runs at once counts as two until the next count.
    assert 2 <= most <= 3
    assert states(service) == [JobState.SUCCEEDED] * 10
    assert all(job.failures == 0 for job in service.world.store.all_jobs())


def test_a_request_beyond_the_limit_leaves_no_record() -> None:
    service = Service(in_flight_most=1)
    service.send(body(requestId="first"))
    service.step()
    writes = service.world.store.writes
    outcome = service.handle_request(body(requestId="second"))
    assert isinstance(outcome, RetryLater)
    assert outcome.because == "as many jobs are in flight as may be"
    assert service.world.store.writes == writes
    assert service.intake.reason is HoldReason.IN_FLIGHT
    assert service.intake.for_s > 0


def test_the_intake_takes_no_more_requests_than_there_is_room_for() -> None:
    service = Service(in_flight_most=3)
    assert service.intake.most == 1, "nobody has counted yet"
    service.handle_request(body())
    assert service.intake.most == 2
    service.world.clock.advance(11)
    assert service.intake.most == 1, "the count is old"
    assert Service(hautech_requests_per_s=14).intake.most == 2
    assert Service().intake.most >= 10


def test_a_job_that_uploads_while_others_fill_the_room_waits_without_an_attempt() -> None:
    service = Service(in_flight_most=1, reuses=False)
    service.send(body(requestId="slow"))
    works = service.world.hautech.upload
    first = iter([True])

    def upload(image):
        if next(first, False):
            service.handle_request(body(requestId="fast"))
        return works(image)

    service.world.hautech.upload = upload  # type: ignore[method-assign]  # -- what comes in between
    service.step()
    assert isinstance(service.outcomes[-1], RetryLater)
    slow = service.world.store.load("slow")
    assert slow is not None
    assert (slow.state, slow.failures, slow.lease) == (JobState.ACCEPTED, 0, None)
    assert not any("in flight" in entry.because for entry in slow.history)
    service.run()
    assert states(service) == [JobState.SUCCEEDED] * 2


@pytest.mark.parametrize(("redriven", "most"), [(1, 1), (3, 2)])
def test_redriven_jobs_do_not_wait_for_themselves(redriven: int, most: int) -> None:
    service = Service(in_flight_most=most)
    jacket = S3Uri("catalog", "raw/jacket.png")
    service.world.objects.remove(jacket)
    for number in range(redriven):
        service.send(body(requestId=f"sku-{number}"))
    service.run()
    service.world.objects.add(jacket, draw_png("jacket"))
    service.redrive()
    service.run()
    assert states(service) == [JobState.SUCCEEDED] * redriven


def counted(service: Service, method: str) -> list[str]:
    """The calls of one method of Hautech, each of which takes a while."""
    calls: list[str] = []
    works = getattr(service.world.hautech, method)

    def call(*args):
        calls.append(method)
        service.world.clock.advance(0.3)
        return works(*args)

    setattr(service.world.hautech, method, call)
    return calls


def test_pictures_of_one_job_are_collected_by_one_turn_each_of_them_once() -> None:
    service = Service(hautech_requests_per_s=1)
    hautech = service.world.hautech
    ids = [hautech.add_image(draw_png(f"picture {number}")) for number in range(4)]
    hautech.output_of = lambda _workflow_id, _input: {"imageIds": ids}
    downloads = counted(service, "download")
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(downloads) == 4


def test_a_lost_run_is_looked_for_by_one_turn_however_many_pipelines_are_read() -> None:
    service = Service(hautech_requests_per_s=2)
    hautech = service.world.hautech
    for _ in range(30):
        hautech.run("another workflow", {"imageId": "another image"}, {})
    failing(hautech, "run", iter([AnswerUnknownError("connection reset")]))
    reads = counted(service, "read_pipeline")
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(reads) == 3 * 30, "each look reads each of them once"


def test_what_is_paid_is_not_given_up_for_want_of_a_turn_however_often_it_was_delivered() -> None:
    service = Service(hautech_requests_per_s=2, poll_deliveries=1)
    works = service.world.hautech.look
    first = iter([True])

    def look(pipeline_id: str) -> PipelineReport:
        report = works(pipeline_id)
        if report.status == "completed" and next(first, False):
            while service._engine._pace.take("look") == 0:
                """Other jobs come in between."""
        return report

    service.world.hautech.look = look  # type: ignore[method-assign]  # -- what comes in between
    service.send(body())
    service.run()
    held = [one.because for one in service.outcomes if isinstance(one, RetryLater)]
    assert "download: no turn at Hautech's pace yet" in held
    assert service.job.state is JobState.SUCCEEDED


def test_a_look_that_has_no_turn_writes_nothing_and_comes_back() -> None:
    service = Service(hautech_requests_per_s=2)
    service.world.hautech.duration_s = 1_500
    for number in range(3):
        service.send(body(requestId=f"sku-{number}"))
    while len(service.world.polls) < 3:
        service.step()
    (poll, *_) = service.world.polls.bodies()
    writes = service.world.store.writes
    outcomes = [service.handle_poll(poll) for _ in range(10)]
    held = [one for one in outcomes if isinstance(one, RetryLater)]
    assert len(held) >= 7
    assert {one.because for one in held} == {"look: no turn at Hautech's pace yet"}
    assert service.world.store.writes == writes


def test_a_paid_call_has_its_turn_before_its_intent() -> None:
    service = Service(hautech_requests_per_s=2)
    failing(service.world.hautech, "run", iter([UnavailableError("connection refused")] * 2))
    for number in range(4):
        service.send(body(requestId=f"sku-{number}"))
    service.run()
    held = "no turn at Hautech's pace yet"
    assert any(isinstance(one, RetryLater) and held in one.because for one in service.outcomes)
    assert states(service) == [JobState.SUCCEEDED] * 4
    for job in service.world.store.all_jobs():
        assert not any(held in entry.because for entry in job.history)
    assert len(service.world.hautech.runs) == 4


def test_a_run_takes_a_turn_like_any_other_request() -> None:
    service = Service(hautech_requests_per_s=2)
    ids = {"imageId": service.world.hautech.add_image(b"jacket"), "label": "a jacket"}
    for number in range(10):
        service.handle_request(body("prepare-image", requestId=f"sku-{number}", input=ids))
    assert len(service.world.hautech.runs) == 1


def test_refused_runs_lower_the_jobs_in_flight_and_all_of_them_end() -> None:
    service = Service()
    room, works = 5, service.world.hautech.run

    def run(*args):
        now = service.world.clock.now()
        if sum(run.ends_at > now for run in service.world.hautech.runs) >= room:
            raise ThrottledError("429: too many pipelines")
        return works(*args)

    service.world.hautech.duration_s = 30
    service.world.hautech.run = run  # type: ignore[method-assign]  # -- a limit of theirs
    for number in range(30):
        service.send(body(requestId=f"sku-{number}"))
    service.run()
    assert states(service) == [JobState.SUCCEEDED] * 30
    assert len(service.world.hautech.runs) == 30


def test_a_row_of_a_batch_makes_its_batch_known_to_a_process_that_gets_no_polls() -> None:
    service = Service(in_flight_most=1)
    service.world.queue.send_follow(FollowMessage(batch_id="spring", ticket=1), delay_s=900)
    assert isinstance(service.handle_request(body(requestId="other")), RetryLater)
    row = body(requestId="spring.1", origin={"batch": {"id": "spring", "row": 1}})
    assert isinstance(service.handle_request(row), RetryLater), "the count is a moment old"
    service.world.clock.advance(COUNT_AGE_S)
    assert isinstance(service.handle_request(row), Done)
