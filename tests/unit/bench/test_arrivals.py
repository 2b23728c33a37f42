"""Events of a load, from a queue that is a list."""

import json
from datetime import UTC, datetime

import pytest

from bench.arrivals import Arrival, ArrivalError, Arrivals

DEADLINE_S = 10.0


class Queue:
    """The two calls of SQS that are used; empty answers end the wait at once."""

    def __init__(self, *batches):
        self._batches = list(batches)
        self.deleted = []

    def receive_message(self, **_):
        return {"Messages": self._batches.pop(0)} if self._batches else {}

    def delete_message_batch(self, *, QueueUrl, Entries):  # noqa: N803 - as boto3 spells them
        assert QueueUrl == "queue"
        self.deleted += [entry["ReceiptHandle"] for entry in Entries]


class BrokenQueue:
    def receive_message(self, **_):
        raise ConnectionError("nobody listens")


def message(request_id, at_ms, *, status="succeeded", error=None):
    data = {
        "requestId": request_id,
        "status": status,
        "error": error,
        "pipelines": [{"step": "full-naomi", "pipelineId": f"pipeline of {request_id}"}],
    }
    event = {"subject": request_id, "data": data}
    return {
        "Body": json.dumps({"Type": "Notification", "Message": json.dumps(event)}),
        "ReceiptHandle": f"handle of {request_id} at {at_ms}",
        "Attributes": {"SentTimestamp": str(at_ms)},
    }


def no_check():
    pass


def arrivals_from(queue):
    return Arrivals(queue, "queue")


def test_an_arrival_has_the_time_at_which_the_queue_got_it():
    with arrivals_from(Queue([message("one", 1_500)])) as arrivals:
        found = arrivals.wait_for(["one"], deadline_s=DEADLINE_S, check=no_check)
    assert found["one"].at == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert found["one"].pipeline_ids == ("pipeline of one",)


def test_of_an_event_that_comes_twice_the_first_one_counts_and_both_are_deleted():
    queue = Queue([message("one", 1_000), message("one", 9_000)], [message("two", 3_000)])
    with arrivals_from(queue) as arrivals:
        found = arrivals.wait_for(["one", "two"], deadline_s=DEADLINE_S, check=no_check)
    assert found["one"].at.second == 1
    assert queue.deleted == [
        "handle of one at 1000",
        "handle of one at 9000",
        "handle of two at 3000",
    ]
    assert arrivals.announced() == {"one": 2, "two": 1}


def test_a_batch_arrives_under_its_id_without_pipelines():
    event = {"subject": "spring", "data": {"batchId": "spring", "status": "partial", "error": None}}
    whole = {
        "Body": json.dumps(event),
        "ReceiptHandle": "handle",
        "Attributes": {"SentTimestamp": "1"},
    }
    arrival = Arrival.of(whole)
    assert (arrival.request_id, arrival.status, arrival.pipeline_ids) == ("spring", "partial", ())


def test_a_failed_job_is_told_with_its_error():
    failed = message("one", 1, status="failed", error={"code": "image.missing", "message": "gone"})
    with (
        arrivals_from(Queue([failed])) as arrivals,
        pytest.raises(ArrivalError, match=r"job one failed: image\.missing: gone"),
    ):
        arrivals.wait_for(["one"], deadline_s=DEADLINE_S, check=no_check)


def test_events_that_do_not_come_are_counted_and_one_is_named():
    said = r"no event for 2 of 3 jobs within 0 s, three among them"
    with arrivals_from(Queue([message("one", 1)])) as arrivals:
        arrivals.wait_for(["one"], deadline_s=DEADLINE_S, check=no_check)
        with pytest.raises(ArrivalError, match=said):
            arrivals.wait_for(["one", "two", "three"], deadline_s=0.0, check=no_check)


def test_trouble_with_the_queue_reaches_the_one_who_waits():
    with (
        arrivals_from(BrokenQueue()) as arrivals,
        pytest.raises(ArrivalError, match="nobody listens"),
    ):
        arrivals.wait_for(["one"], deadline_s=DEADLINE_S, check=no_check)
