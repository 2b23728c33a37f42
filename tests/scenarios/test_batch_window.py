"""Only so many rows of a batch are open at once, whatever happens on the way."""

from collections.abc import Sequence

import pytest

from tests.builders import body
from tests.scenarios.batches import batch_body, batch_of, complaints, matrix_body, service_with
from tests.scenarios.crash import When
from tests.scenarios.harness import Service
from worker.contracts.follow import FollowMessage
from worker.jobs.job import JobState
from worker.jobs.outcomes import Done, PollAgain
from worker.jobs.pacing import PollBounds
from worker.ports.generation import ImageUpload, UploadedImage

ROWS = tuple(range(1, 25))


def open_rows(service: Service) -> int:
    """Requests of rows that are on their way, and jobs that have not ended."""
    jobs = service.world.store.all_jobs()
    waiting = [text for text in service.world.requests.bodies() if '"origin"' in text]
    return len(waiting) + sum(not job.state.is_final for job in jobs)


def most_open(service: Service) -> int:
    """Run to the end; the most rows that were open at once."""
    most = 0
    while service.step():
        most = max(most, open_rows(service))
    return most


def windowed(rows: int = len(ROWS), window: int = 8) -> Service:
    service = Service(batch_open_rows=window)
    service.send(matrix_body(rows))
    return service


def test_never_more_rows_are_open_than_the_window_has() -> None:
    service = windowed()
    assert most_open(service) == 8
    assert complaints(service, good=ROWS) == []


def test_a_request_of_somebody_else_is_not_behind_all_rows() -> None:
    service = windowed(rows=200)
    service.run_for(deliveries=2)
    service.send(body(requestId="single"))
    while service.world.store.load("single") is None:
        service.step()
    assert len(service.world.store.all_jobs()) <= 8 + 1


def test_bad_rows_take_no_room_and_are_told_in_one_visit() -> None:
    service = service_with("prompt,input.aspectRatio\n" + "a man,round\n" * 300 + "a man,7:10\n")
    service.change_rules(batch_open_rows=4)
    service.send(batch_body())
    service.run_for(deliveries=2)
    batch = batch_of(service)
    assert (batch.read, batch.bad, batch.over) == (301, 300, 300)
    service.run()
    assert complaints(service, good=(301,), bad=tuple(range(1, 301))) == []


def test_rows_that_an_earlier_release_sent_without_a_window_end_and_the_others_follow() -> None:
    service = windowed(window=20)
    service.run_for(deliveries=2)
    assert batch_of(service).open_rows == 20
    service.change_rules(batch_open_rows=4)
    service.run()
    assert complaints(service, good=ROWS) == []


def test_two_workers_with_one_batch_send_rows_twice_and_pay_for_them_once() -> None:
    service = windowed()
    service.run_for(deliveries=1)
    follow = FollowMessage(batch_id="spring-24", ticket=1).dumps()
    works, first = service.world.queue.send_requests, iter([True])

    def send_requests(bodies: Sequence[str], *, trace: str | None = None) -> None:
        works(bodies, trace=trace)
        if next(first, False):
            assert service.handle_poll(follow) == PollAgain(5)  # the other one is quicker

    service.world.queue.send_requests = send_requests  # type: ignore[method-assign]  # -- a race
    service.run_for(deliveries=1)
    assert len(service.world.requests) == 16
    assert batch_of(service).read == 8, "the slower one moved on from what it had read"
    service.run()
    assert complaints(service, good=ROWS) == []


def test_a_batch_whose_follow_message_is_lost_while_its_window_is_full_is_woken_and_goes_on() -> (
    None
):
    service = windowed()
    service.run_for(deliveries=2)
    service.world.polls.purge()
    while service.step():
        """The rows that were sent are worked on."""
    assert len(service.world.store.all_jobs()) == 8
    service.world.clock.advance(1_000)
    assert service.reconcile().batches_woken == 1
    service.run()
    assert complaints(service, good=ROWS) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_call_of_a_batch_with_a_small_window_is_made_good(when: When) -> None:
    rows = tuple(range(1, 6))
    undisturbed = windowed(len(rows), 2)
    undisturbed.run()
    assert complaints(undisturbed, good=rows) == []
    names = ("batches.", "queue.send_requests", "queue.send_follow")
    points = [
        number
        for number, name in enumerate(undisturbed.killer.calls, start=1)
        if name.startswith(names) and name != "batches.cancelled_at"
    ]
    for number in points:
        service = windowed(len(rows), 2)
        service.kill_at(number, when)
        service.run_until_killed()
        service.run()
        assert complaints(service, good=rows) == [], service.deaths


def test_the_limit_of_jobs_in_flight_holds_for_a_batch_whose_rows_take_a_day() -> None:
    service = Service(
        in_flight_most=2,
        pipeline_timeout_s=40_000,
        poll_bounds=PollBounds(min_s=60, max_s=900),
        batch_open_rows=30,
    )
    service.world.hautech.duration_s = 20_000
    service.send(matrix_body(14))
    most = 0
    while service.step():
        most = max(most, sum(1 for text in service.world.polls.bodies() if "requestId" in text))
    assert most <= 2 + 1, "one more than the limit may be in what the last count did not see"
    assert service.world.requests.sent[15:], "some were sent again"
    assert complaints(service, good=tuple(range(1, 15))) == []


def full_service() -> Service:
    """One job may be in flight, and is."""
    service = Service(in_flight_most=1)
    service.send(body(requestId="first"))
    service.step()
    return service


def test_the_last_delivery_of_a_request_that_waits_for_its_turn_is_not_its_turn() -> None:
    service = full_service()
    outcome = service.handle_request(body(requestId="second"), receive_count=90)
    assert outcome == Done()
    assert service.world.requests.bodies() == [body(requestId="second")]
    assert service.world.store.load("second") is None
    service.run()
    jobs = service.world.store.all_jobs()
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert len(service.world.hautech.runs) == 2


def service_that_waits() -> Service:
    """As before, with a second request, whose message has two deliveries."""
    service = full_service()
    service.world.hautech.duration_s = 60
    service.change_rules(request_deliveries=2)
    service.send(body(requestId="second"))
    return service


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_a_request_is_sent_again_loses_none_and_pays_once(when: When) -> None:
    undisturbed = service_that_waits()
    undisturbed.run()
    service = service_that_waits()
    service.kill_at(undisturbed.killer.calls.index("queue.send_requests") + 1, when)
    service.run_until_killed()
    service.run()
    jobs = service.world.store.all_jobs()
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert len(service.world.hautech.runs) == 2
    assert len(service.world.dead_letters) == 0


def test_a_request_that_is_sent_again_keeps_the_job_that_it_has_begun() -> None:
    service = Service(in_flight_most=1, reuses=False)
    works, first = service.world.hautech.upload, iter([True])

    def upload(image: ImageUpload) -> UploadedImage:
        if next(first, False):
            service.handle_request(body(requestId="fast"))
        return works(image)

    service.world.hautech.upload = upload  # type: ignore[method-assign]  # -- what comes in between
    assert service.handle_request(body(requestId="slow"), receive_count=90) == Done()
    slow = service.world.store.load("slow")
    assert slow is not None
    assert (slow.state, slow.failures, slow.lease) == (JobState.ACCEPTED, 0, None)
    service.run()
    jobs = service.world.store.all_jobs()
    assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert len(service.world.dead_letters) == 0
