"""Rows of a batch whose requests are lost, or seem to be."""

from dataclasses import replace

import pytest

from tests.scenarios.batches import (
    MANIFEST,
    batch_body,
    batch_event,
    batch_of,
    complaints,
    put_manifest,
    results_of,
    service_with,
)
from tests.scenarios.crash import When
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri
from worker.jobs.pacing import PollBounds

ROWS = (1, 2, 3)


def service_that_lost_its_rows() -> Service:
    """A batch of three rows whose requests are gone."""
    service = service_with("prompt\n" + "a man\n" * 3)
    service.send(batch_body())
    service.run_for(deliveries=2)
    assert batch_of(service).is_sent
    service.world.requests.purge()
    return service


def test_rows_whose_requests_are_lost_are_given_up_once_the_batch_is_cancelled() -> None:
    service = service_that_lost_its_rows()
    service.world.clock.advance(3_600)
    service.run_for(deliveries=3)
    assert batch_of(service).over == 0, "given up without anybody asking for it"
    service.world.batches.cancel("spring-24", at=service.world.clock.now())
    service.run()
    data = batch_event(service).data
    assert (data.status, data.counts.cancelled) == ("cancelled", 3)
    assert {one["error"]["code"] for one in results_of(service)} == {"request.cancelled"}


def test_rows_whose_requests_are_lost_are_sent_again_after_a_day_of_nothing() -> None:
    service = service_that_lost_its_rows()
    began = service.world.clock.now()
    service.run()
    assert complaints(service, good=ROWS) == []
    # Its follow message was renewed meanwhile, which is nothing that happened to its rows.
    assert batch_of(service).ticket > 1
    assert 24 < (service.world.clock.now() - began).total_seconds() / 3_600 < 25


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_lost_rows_are_sent_again_loses_none(when: When) -> None:
    undisturbed = service_that_lost_its_rows()
    undisturbed.run()
    calls = undisturbed.killer.calls
    last = len(calls) - calls[::-1].index("queue.send_requests")
    service = service_that_lost_its_rows()
    service.kill_at(last, when)
    service.run_until_killed()
    service.run()
    assert complaints(service, good=ROWS) == []


def test_a_row_that_only_waited_is_sent_twice_and_paid_once() -> None:
    service = service_with("prompt\n" + "a man\n" * 3)
    service.send(batch_body())
    service.run_for(deliveries=2)
    while len(service.world.requests) == 3:
        service.step(service.world.polls)
    assert len(service.world.requests) == 6
    service.run()
    assert complaints(service, good=ROWS) == []


def test_rows_whose_jobs_take_days_are_not_sent_again() -> None:
    service = service_with(
        "prompt\n" + "a man\n" * 3,
        pipeline_timeout_s=200_000,
        poll_bounds=PollBounds(min_s=60, max_s=900),
    )
    service.world.hautech.duration_s = 100_000
    service.send(batch_body())
    while service.step():
        """A day and more."""
    assert len(service.world.requests.sent) == 1 + 3
    assert complaints(service, good=ROWS) == []


def test_lost_rows_whose_manifest_is_gone_are_refused_and_say_so() -> None:
    service = service_that_lost_its_rows()
    service.world.objects.remove(S3Uri.parse(MANIFEST))
    batch = batch_of(service)
    service.world.batches.save(replace(batch, source_version=None))  # as in a plain bucket
    service.run()
    data = batch_event(service).data
    assert (data.status, data.counts.refused) == ("failed", 3)
    error = results_of(service)[0]["error"]
    assert error["code"] == "batch.manifest"
    assert error["message"].startswith("its request was not seen again")


def test_a_lost_row_that_is_no_valid_request_any_more_is_refused_and_the_others_go_on() -> None:
    service = service_with("prompt,output\na man,s3://drafts/x/\na woman,\n")
    service.change_rules(output_buckets=frozenset({"shop", "drafts"}))
    service.send(batch_body())
    service.run_for(deliveries=2)
    service.world.requests.purge()
    service.change_rules(output_buckets=frozenset({"shop"}))
    service.run()
    assert complaints(service, good=(2,), bad=(1,)) == []


def test_a_record_of_an_earlier_release_tells_by_its_last_change_how_long_nothing_happened() -> (
    None
):
    service = service_that_lost_its_rows()
    service.world.batches.save(replace(batch_of(service), quiet_since=None))
    service.world.clock.advance(25 * 3_600)
    service.run_for(deliveries=1)
    assert len(service.world.requests) == 3


def test_a_manifest_that_was_replaced_is_not_what_lost_rows_are_sent_from() -> None:
    service = service_that_lost_its_rows()
    put_manifest(service, "prompt\nanother\n")
    service.run()
    assert complaints(service, good=ROWS) == [], "the version that was counted is read"
