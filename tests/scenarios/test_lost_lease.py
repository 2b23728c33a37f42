"""A worker that slept through the end of its lease writes nothing that others see."""

import math
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import VISIBILITY_S, Service
from tests.scenarios.test_taken_places import put_of
from tests.scenarios.test_trouble import losing_answers
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.jobs.job import Job, JobState, Lease, StepState
from worker.ports.queues import ReceivedMessage

SLEPT_S = 300


class Sleeper:
    """A port of one worker that sleeps in one call, while others go on and finish the job."""

    def __init__(self, port, method: str, service: Service, *, at: int) -> None:
        self._port = port
        self._method = method
        self._service = service
        self._calls_left = at
        self.has_slept = False

    def __getattr__(self, method):
        call = getattr(self._port, method)
        if method != self._method or self.has_slept:
            return call

        def slow(*args, **kwargs):
            answer = call(*args, **kwargs)
            self._calls_left -= 1
            if self._calls_left:
                return answer
            self.has_slept = True
            self._service.world.clock.advance(SLEPT_S)
            self._service.run()  # another worker gets the message, which is visible again
            return answer

        return slow


def sleep_in(service: Service, port: str, method: str, *, at: int = 1) -> None:
    """A worker takes the poll message, and sleeps in the `at`-th call of that kind until another
    worker has ended the job.
    """
    world = service.world
    sleeper = Sleeper(getattr(world, port), method, service, at=at)
    setattr(world, port, sleeper)
    sleepy = service._boot()
    world.clock.advance(60)
    (message,) = world.polls.receive(max_messages=1, visibility_s=VISIBILITY_S)
    service._engine = service._boot()
    sleepy.handle_poll(ReceivedMessage(body=message.body), world.budget)
    assert sleeper.has_slept


def running_service() -> Service:
    service = Service()
    service.send(body("full-naomi"))
    service.step()
    return service


def test_a_picture_is_not_put_after_the_lease_is_lost():
    service = running_service()

    sleep_in(service, "hautech", "download")

    pictures = [uri for uri in service.world.objects.puts if uri.key.endswith(".png")]
    assert len(pictures) == 1
    assert service.event.type.endswith("succeeded")


def test_a_picture_is_not_put_beside_a_taken_place_after_the_lease_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = running_service()
    put_of(service, "sku-7", S3Uri("shop", "generated/sku-1042/sku-1042-front.png"))
    put, late = service.world.objects.put, []

    def seen(uri: S3Uri, *args: Any, **kwargs: Any) -> None:
        if service.job.state.is_final:
            late.append(uri)
        put(uri, *args, **kwargs)

    monkeypatch.setattr(service.world.objects, "put", seen)

    sleep_in(service, "objects", "head")  # whose is it that stands there?

    assert late == []
    assert service.event.data.outputs[0].instead_of is not None


def test_a_result_is_not_announced_after_the_lease_is_lost():
    service = running_service()

    sleep_in(service, "objects", "put", at=2)  # the picture comes first, then the document

    assert len(service.events) == 1
    assert service.job.state is JobState.SUCCEEDED


def test_a_request_is_not_dead_lettered_after_the_lease_is_lost():
    service = Service()
    workflow_id = WORKFLOWS["full-naomi"].workflow_id
    service.world.hautech.failures[workflow_id] = ("INTERNAL", "no luck")
    service.send(body("full-naomi"))
    service.step()

    sleep_in(service, "topic", "publish")

    assert len(service.world.queue.sent_dead_letters) == 1


def test_a_save_that_eats_the_time_of_the_paid_call_keeps_it_from_going_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service()
    service.send(body())
    save = service.world.store.save

    def slow(job: Job, *, lease: Lease | None) -> Job:
        saved = save(job, lease=lease)
        if job.steps[0].state is StepState.SUBMITTING:
            service.world.budget.left_s = 10.0
        return saved

    monkeypatch.setattr(service.world.store, "save", slow)
    service.step()
    assert not service.world.hautech.runs, "sent by a process that is about to be frozen"
    assert service.job.steps[0].state is StepState.PLANNED
    service.world.budget.left_s = math.inf
    monkeypatch.setattr(service.world.store, "save", save)
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_a_worker_that_slept_since_it_looked_for_a_run_looks_again_before_it_pays_again() -> None:
    service = Service()
    losing_answers(service, 1)
    hautech = service.world.hautech
    hautech.list_lag_s = 3_600
    look, looks = hautech.runs_since, []

    def sleepy_third_look(since):
        found = list(look(since))
        looks.append(found)
        if len(looks) == 3:
            service.world.clock.advance(SLEPT_S)
            hautech.list_lag_s = 0.0
        return found

    hautech.runs_since = sleepy_third_look  # type: ignore[method-assign]
    service.send(body())
    service.run()
    assert len(looks) > 3
    assert len(hautech.runs) == 1
    assert service.job.state is JobState.SUCCEEDED
