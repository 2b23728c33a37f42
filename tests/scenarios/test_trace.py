"""One trace from the request to the event, through every queue on the way."""

import json

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.jobs.document import from_document, to_document
from worker.jobs.job import JobState

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
HEADER = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"


def test_the_trace_of_a_request_goes_on_with_its_poll_message_and_its_event() -> None:
    service = Service()
    service.world.requests.send(body(), trace=f"{HEADER};Lineage=1:a87bd80c:0")
    with all_logs(bound=True) as lines:
        service.step()
        service.world.clock.advance(5)
        (poll,) = service.world.polls.receive(visibility_s=0)
        service.run()
    assert poll.trace == HEADER
    assert [event.trace for event in service.world.topic.events] == [HEADER]
    of_the_job = [line for line in lines if line.get("request_id")]
    assert {line["action"] for line in of_the_job} >= {"job_accepted", "waiting", "job_succeeded"}
    assert {line.get("trace_id") for line in of_the_job} == {ROOT}


def test_a_woken_job_and_a_refused_request_keep_their_trace() -> None:
    service = Service()
    service.world.hautech.duration_s = 100_000
    service.world.requests.send(body(), trace=HEADER)
    service.step()
    service.world.polls.purge()
    service.world.clock.advance(1_000)
    service.reconcile()
    service.world.clock.advance(60)
    (poll,) = service.world.polls.receive(visibility_s=0)
    assert poll.trace == HEADER
    service.world.requests.send("no request", trace=HEADER)
    service.run_for(deliveries=2)
    assert service.world.topic.events[-1].trace == HEADER


@pytest.mark.parametrize("header", [None, "", "Root=1-x", "\r\nHost: evil", "x" * 5_000])
def test_a_header_that_is_none_is_dropped_and_the_job_goes_its_way(header: str | None) -> None:
    service = Service()
    service.world.requests.send(body(), trace=header)
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    assert service.job.trace is None
    assert "trace" not in json.loads(to_document(service.job))
    assert [event.trace for event in service.world.topic.events] == [None]


def test_the_record_keeps_the_trace_and_one_without_it_is_read() -> None:
    service = Service()
    service.world.requests.send(body(), trace=HEADER)
    service.run()
    record = json.loads(to_document(service.job))
    assert record["trace"] == HEADER
    assert from_document(json.dumps(record), version=1, lease=None).trace == HEADER
    del record["trace"]
    assert from_document(json.dumps(record), version=1, lease=None).trace is None
