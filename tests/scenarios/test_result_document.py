"""The document beside the pictures tells of the last verdict, whoever was slow to write an earlier one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import VISIBILITY_S, Service
from tests.scenarios.test_redrive import failed, hautech_is_well, pipeline_failed
from tests.scenarios.test_trouble import failing
from tests.support.logs import all_logs
from worker.contracts.s3_uri import S3Uri
from worker.errors import OutputForbiddenError, UnavailableError
from worker.jobs.job import JobState
from worker.ports.queues import ReceivedMessage

DOCUMENT = S3Uri("shop", "generated/sku-1042/sku-1042-front.json")
FROZEN_S = 300


class FreezingObjects:
    """Objects as one worker reaches them: at one put of a document it freezes before it is sent."""

    def __init__(self, service: Service, *, at: int, meanwhile: Callable[[Service], None]) -> None:
        self._objects = service.world.objects
        self._service = service
        self._puts_left = at
        self._meanwhile = meanwhile

    def __getattr__(self, method: str) -> Any:
        return getattr(self._objects, method)

    def put(self, uri: S3Uri, text: bytes, **how: Any) -> None:
        """See `ObjectStore.put`."""
        self._puts_left -= uri == DOCUMENT
        if self._puts_left == 0:
            self._puts_left = -1
            self._service.world.clock.advance(FROZEN_S)
            self._meanwhile(self._service)
        self._objects.put(uri, text, **how)


def freeze(service: Service, *, at: int, meanwhile: Callable[[Service], None]) -> None:
    """A worker takes the poll message and freezes at its `at`-th put of the document."""
    world, objects = service.world, service.world.objects
    world.objects = FreezingObjects(service, at=at, meanwhile=meanwhile)  # type: ignore[assignment]
    slow = service._boot()
    world.objects = objects
    world.clock.advance(60)
    (message,) = world.polls.receive(max_messages=1, visibility_s=VISIBILITY_S)
    service._engine = service._boot()
    slow.handle_poll(ReceivedMessage(body=message.body), world.budget)


def others_end_it(service: Service) -> None:
    service.run()
    assert service.job_is(JobState.FAILED)
    hautech_is_well(service)
    service.redrive()
    service.run()
    assert service.job_is(JobState.SUCCEEDED)


def leave_there(service: Service, marks: dict[str, str]) -> None:
    """A document of the same request, with these marks besides."""
    marks = {"request-id": "sku-1042-front", **marks}
    service.world.objects._store(DOCUMENT, b"{}", "application/json", marks, None)


def document(service: Service) -> Any:
    stored = service.world.objects.stored(DOCUMENT)
    assert stored is not None
    return json.loads(stored.data)


def test_a_document_that_froze_on_its_way_replaces_no_later_one() -> None:
    service = pipeline_failed()
    service.send(body())
    service.step()
    with all_logs() as logs:
        freeze(service, at=1, meanwhile=others_end_it)
    assert document(service)["status"] == "succeeded"
    assert [event.data.status for event in service.events] == ["failed", "succeeded"]
    assert [entry["action"] for entry in logs].count("document_outdated") == 1


def test_a_document_that_froze_after_its_worker_had_looked_replaces_no_later_one() -> None:
    service = pipeline_failed()
    leave_there(service, {})
    service.send(body())
    service.step()
    freeze(service, at=2, meanwhile=others_end_it)
    assert document(service)["status"] == "succeeded"


@pytest.mark.parametrize(
    "accepted_at", ["yesterday", "2026-11-02T12:00:00", "0001-01-01T00:00:00+14:00", ""]
)
def test_what_has_our_marks_but_does_not_say_when_is_replaced(accepted_at: str) -> None:
    service = Service()
    leave_there(service, {"accepted-at": accepted_at, "redrives": "many"})
    service.send(body())
    service.run()
    assert document(service)["status"] == "succeeded"


def test_the_document_of_a_redriven_job_replaces_the_former_one() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    assert document(service)["status"] == "failed"
    hautech_is_well(service)
    service.redrive()
    service.run()
    assert document(service)["status"] == "succeeded"


def test_a_request_that_is_made_again_long_after_its_record_is_gone_has_its_document() -> None:
    service = failed(pipeline_failed, "pipeline.failed")
    service.redrive()
    service.run()
    assert service.job.redrives == 1
    service.world.store._records.clear()
    service.world.clock.advance(90 * 86_400)
    hautech_is_well(service)
    service.send(body())
    service.run()
    assert service.job.redrives == 0
    assert document(service)["status"] == "succeeded"


def test_an_announcement_that_is_repeated_writes_its_document_once() -> None:
    service = Service()
    failing(service.world.topic, "publish", iter([UnavailableError("SNS answers 503")] * 3))
    service.send(body())
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
    assert service.world.objects.puts.count(DOCUMENT) == 1


def test_a_place_that_cannot_be_looked_at_costs_a_failure_no_event() -> None:
    service = pipeline_failed()
    service.world.objects.add(DOCUMENT, b"{}")
    failing(service.world.objects, "head", iter([OutputForbiddenError("403")]))
    service.send(body())
    service.run()
    assert service.event.data.status == "failed"
