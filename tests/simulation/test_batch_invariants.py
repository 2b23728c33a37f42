"""Each invariant about batches can fail: a good run is doctored, and exactly that one says so."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation import invariants
from tests.simulation.batch_invariants import BATCH_INVARIANTS
from tests.simulation.batch_workload import BatchPlan, Put
from tests.simulation.clockwork import Process, Task
from tests.simulation.service import SimService, watched_logs
from tests.simulation.workload import Sent
from worker.adapters.memory.topic import PublishedEvent
from worker.batches.keys import batch_event_id, results_uri
from worker.batches.states import BatchState
from worker.contracts.batch_event import BATCH_COMPLETED
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState

BATCH = "bt-0"
MANIFEST = S3Uri("catalog", "batches/bt-0.csv")
CSV = b"""name,input.aspectRatio,take
coat,7:10,take 1
coat,7:10,take 1
hat,round,take 1
"""
"""Two good rows that write to one place, and a bad one."""

REQUEST = {
    "workflow": "full-naomi",
    "input": {
        "poseImageId": "s3://catalog/poses/standing.png",
        "imageId": "s3://catalog/raw/jacket.png",
        "prompt": "{take}",
    },
    "output": "s3://shop/exact/{name}.png",
}


def batch_plan(*, cancels_at_s: tuple[float, ...] = (), **changes: Any) -> BatchPlan:
    document = {"batchId": BATCH, "manifest": str(MANIFEST), "request": REQUEST, **changes}
    return BatchPlan(
        batch_id=BATCH,
        rows=3,
        bad=frozenset({3}),
        sent=(Sent(1.0, json.dumps(document)), Sent(90.0, json.dumps(document))),
        manifests=(Put(at_s=0.0, uri=MANIFEST, data=CSV),),
        cancels_at_s=cancels_at_s,
    )


def run_well(plan: BatchPlan) -> SimService:
    service = SimService(5, bodies=[], batches=[plan])
    with watched_logs(service.leaks):
        assert service.run()
    assert invariants.violations_of(service, is_drained=True) == []
    return service


@pytest.fixture
def service() -> SimService:
    """A good run: two rows done, one refused, one batch event."""
    return run_well(batch_plan())


def broken(service: SimService) -> set[str]:
    """The names of the invariants about batches that do not hold."""
    return {one.__name__ for one in BATCH_INVARIANTS if list(one(service))}


def doctor_batch(service: SimService, **changes: Any) -> None:
    batch = service.batches.load(BATCH)
    assert batch is not None
    service.batches.forget(BATCH)
    service.batches.create(replace(batch, **changes))


def doctor_job(service: SimService, request_id: str, **changes: Any) -> None:
    job = service.store.load(request_id)
    assert job is not None
    service.store.forget(request_id)
    service.store.create(replace(job, **changes))


def doctor_list(service: SimService, change: Any) -> None:
    batch = service.batches.load(BATCH)
    assert batch is not None
    uri = results_uri(batch)
    stored = service.objects.stored(uri)
    assert stored is not None
    lines = [json.loads(line) for line in stored.data.splitlines()]
    service.objects.add(uri, b"".join(json.dumps(one).encode() + b"\n" for one in change(lines)))


def test_a_good_run_has_rows_that_wrote_to_one_place_and_no_row_was_overwritten(service):
    outputs = [
        output["uri"] for one in service.job_events for output in one.document()["data"]["outputs"]
    ]
    assert len(set(outputs)) == 2
    assert "s3://shop/exact/coat.png" in outputs


def test_a_batch_that_is_not_over_is_seen(service):
    doctor_batch(service, state=BatchState.OPEN)

    assert broken(service) == {"every_batch_ends"}


def test_a_batch_message_without_an_outcome_is_seen(service):
    service.batches.forget(BATCH)

    assert "every_batch_message_has_one_outcome" in broken(service)


def test_a_second_batch_event_is_seen(service):
    (event,) = [one for one in service.topic.events if one.attributes["type"] == BATCH_COMPLETED]
    other = json.dumps({**event.document(), "id": "another"})
    service.topic.events.append(PublishedEvent(other, event.attributes))

    assert broken(service) == {"every_batch_is_announced_once"}


def test_a_repeated_batch_event_that_says_something_else_is_seen(service):
    (event,) = [one for one in service.topic.events if one.attributes["type"] == BATCH_COMPLETED]
    assert event.document()["id"] == batch_event_id(service.batches.load(BATCH))
    other = json.dumps({**event.document(), "time": "2030-01-01T00:00:00Z"})
    service.topic.events.append(PublishedEvent(other, event.attributes))

    assert broken(service) == {"every_batch_is_announced_once"}


def test_a_missing_batch_event_is_seen(service):
    service.topic.events[:] = service.job_events

    assert broken(service) == {"every_batch_is_announced_once"}


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[0]],
        lambda lines: [lines[1], lines[0], lines[2]],
    ],
    ids=["one is missing", "one stands there twice", "in another order"],
)
def test_a_list_without_each_row_once_and_in_order_is_seen(service, change):
    doctor_list(service, change)

    assert "the_list_has_each_row_once" in broken(service)


def test_a_row_that_was_never_counted_is_seen(service):
    doctor_batch(service, rows=2)
    doctor_list(service, lambda lines: lines[:2])

    assert "the_list_has_each_row_once" in broken(service)


@pytest.mark.parametrize("field", ["counts", "credits"])
def test_an_event_that_says_something_else_than_its_list_is_seen(service, field):
    event = service.batches.load(BATCH).event
    counts = {**event["data"]["counts"], "succeeded": 1, "failed": 1}
    data = {**event["data"], field: counts if field == "counts" else "77"}
    doctor_batch(service, event={**event, "data": data})

    assert "counts_and_credits_are_those_of_the_list" in broken(service)


def test_a_line_that_says_something_else_than_its_job_is_seen(service):
    doctor_job(service, f"{BATCH}.1", state=JobState.FAILED)

    assert broken(service) == {"rows_ended_as_their_jobs"}


def test_a_line_of_a_row_that_was_paid_and_is_listed_as_skipped_is_seen(service):
    doctor_list(service, lambda lines: [{**lines[0], "status": "skipped"}, *lines[1:]])

    assert "rows_ended_as_their_jobs" in broken(service)
    assert "what_was_cancelled_or_skipped_is_not_paid" in broken(service)


def test_a_good_row_that_was_refused_is_seen(service):
    error = {"code": "request.invalid", "message": "no"}
    service.store.forget(f"{BATCH}.1")
    doctor_list(
        service, lambda lines: [{**lines[0], "status": "refused", "error": error}, *lines[1:]]
    )

    assert "rows_ended_as_their_jobs" in broken(service)


def test_a_row_that_is_two_requests_is_seen(service):
    job = service.store.load(f"{BATCH}.1")
    service.store.create(replace(job, request_id="another"))

    assert "every_row_is_one_request" in broken(service)


def test_a_bad_row_that_became_a_job_is_seen(service):
    job = service.store.load(f"{BATCH}.1")
    request = {**job.request, "origin": {"batch": {"id": BATCH, "row": 3}}}
    service.store.create(replace(job, request_id=f"{BATCH}.3", request=request))

    assert "every_row_is_one_request" in broken(service)


def test_rows_of_two_manifests_are_seen(service):
    job = service.store.load(f"{BATCH}.1")
    given = {**job.request["input"], "prompt": "take 2"}
    doctor_job(service, f"{BATCH}.1", request={**job.request, "input": given})

    assert broken(service) == {"every_row_is_one_request"}


def test_a_row_that_was_paid_twice_is_seen(service):
    run = service.hautech.runs[0]
    service.hautech.runs.append(replace(run, pipeline_id="another"))

    assert broken(service) == {"no_row_is_paid_twice"}


def test_a_cap_that_was_not_kept_is_seen():
    service = run_well(batch_plan(creditCap="0.05"))
    batch = service.batches.load(BATCH)
    assert batch is not None
    event = batch.event or {}
    doctor_batch(service, event={**event, "data": {**event["data"], "credits": "0.2"}})

    assert "a_cap_is_about_kept" in broken(service)


# -- what the witness notes as it happens ----------------------------------------------------


def a_task(service: SimService) -> Task:
    return Task(Process(service.scheduler, "worker"), lambda: None)


def first_payment(service: SimService) -> dict[str, Any]:
    """What is told to Hautech when row 1 is paid for; in its record, that is about to happen."""
    request_id = f"{BATCH}.1"
    run = next(
        one for one in service.hautech.runs if one.metadata["hautechWorker"]["jobId"] == request_id
    )
    job = service.store.load(request_id)
    assert job is not None
    steps = tuple(replace(step, pipeline=None, submission=None) for step in job.steps)
    doctor_job(service, request_id, steps=steps)
    return run.metadata


def test_paying_for_a_row_after_looking_is_no_violation(service):
    task, metadata = a_task(service), first_payment(service)
    service.witness.batches.looked(task, BATCH, None)
    service.witness.batches.begins(task, "hautech.sign_in")
    service.witness.batches.pays(task, metadata)

    assert service.witness.violations == []


def test_paying_for_a_row_known_to_be_cancelled_is_seen(service):
    task, metadata = a_task(service), first_payment(service)
    service.witness.batches.looked(task, BATCH, service.scheduler.true_now())
    service.witness.batches.pays(task, metadata)

    assert "known to be cancelled" in service.witness.violations[0]


@pytest.mark.parametrize("looked", [False, True], ids=["not at all", "before an upload"])
def test_paying_for_a_row_without_a_look_is_seen(service, looked):
    task, metadata = a_task(service), first_payment(service)
    if looked:
        service.witness.batches.looked(task, BATCH, None)
        service.witness.batches.begins(task, "hautech.upload")
    service.witness.batches.pays(task, metadata)

    assert "nobody looked" in service.witness.violations[0]


def test_sending_a_row_of_a_batch_known_to_be_cancelled_is_seen(service):
    task = a_task(service)
    row = {"origin": {"batch": {"id": BATCH, "row": 4}}}
    service.witness.batches.looked(task, BATCH, None)
    service.witness.batches.sends(task, [json.dumps(row)])
    assert service.witness.violations == []

    service.witness.batches.looked(task, BATCH, service.scheduler.true_now())
    again = {"origin": {"batch": {"id": BATCH, "row": 2}}}
    service.witness.batches.sends(task, [json.dumps(again)])
    assert service.witness.violations == []
    service.witness.batches.sends(task, [json.dumps(row)])

    assert "is sent, known to be cancelled" in service.witness.violations[0]


def test_an_object_that_takes_the_place_of_another_rows_is_seen(service):
    uri = S3Uri("shop", "exact/coat.png")
    stood = service.objects.stored(uri)
    service.witness.batches.stores(uri, stood)
    assert service.witness.violations == []

    service.objects.add(uri, b"another's")
    service.witness.batches.stores(uri, stood)

    assert f"an object of {stood.metadata['request-id']} became" in service.witness.violations[0]


def test_a_batch_event_before_its_list_is_seen(service):
    batch = service.batches.load(BATCH)
    service.objects.remove(results_uri(batch))
    service.witness.publishes(json.dumps(batch.event))

    assert "before its list" in service.witness.violations[0]
