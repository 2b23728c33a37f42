"""A small batch in memory, and what has to be true of it in the end whatever happened."""

from __future__ import annotations

import json
from typing import Any

from tests.scenarios.harness import Service
from worker.batches.batch import Batch
from worker.contracts.batch_event import BATCH_COMPLETED, BatchEvent
from worker.contracts.s3_uri import S3Uri

REQUEST: dict[str, Any] = {
    "workflow": "full-naomi",
    "input": {
        "poseImageId": "s3://catalog/poses/standing.png",
        "imageId": "s3://catalog/raw/jacket.png",
        "aspectRatio": "7:10",
        "prompt": "{prompt}",
    },
    "output": "s3://shop/generated/",
}
MANIFEST = "s3://catalog/batches/spring.csv"
CSV = "prompt,input.aspectRatio\na woman,7:10\na man,round\na child,\n"
"""Three rows: good, bad, good."""


def batch_body(**changes: Any) -> str:
    """A batch message with that manifest; `changes` replace its fields (None removes one)."""
    document = {"batchId": "spring-24", "manifest": MANIFEST, "request": REQUEST, **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None})


def matrix_body(rows: int, **changes: Any) -> str:
    """A batch message of so many rows that differ in their seed."""
    request = {**REQUEST, "input": {**REQUEST["input"], "prompt": "a woman"}}
    matrix = {"seed": list(range(rows))}
    return batch_body(manifest=None, matrix=matrix, request=request, **changes)


def service_with(manifest: str | bytes = CSV, **rules: Any) -> Service:
    """A service that has the manifest in its input bucket."""
    service = Service(**rules)
    put_manifest(service, manifest)
    return service


def put_manifest(service: Service, manifest: str | bytes) -> None:
    """Put the manifest there, over what was there."""
    data = manifest.encode() if isinstance(manifest, str) else manifest
    service.world.objects.add(S3Uri.parse(MANIFEST), data, content_type="text/csv")


def batch_of(service: Service) -> Batch:
    """The record of the one batch."""
    batch = service.world.batches.load("spring-24")
    assert batch is not None
    return batch


def batch_events(service: Service) -> list[BatchEvent]:
    """What was published about batches, repetitions included."""
    return [
        BatchEvent.loads(one.text)
        for one in service.world.topic.events
        if one.attributes.get("type") == BATCH_COMPLETED
    ]


def batch_event(service: Service) -> BatchEvent:
    """The only batch event, however often it was published."""
    (event,) = {event.id: event for event in batch_events(service)}.values()
    return event


def results_of(service: Service) -> list[dict[str, Any]]:
    """The list of results that the event names."""
    uri = batch_event(service).data.results
    assert uri is not None
    stored = service.world.objects.stored(S3Uri.parse(uri))
    assert stored is not None
    return [json.loads(line) for line in stored.data.decode().splitlines()]


def complaints(service: Service, *, good: tuple[int, ...], bad: tuple[int, ...] = ()) -> list[str]:
    """What is not as it should be after a batch whose good and bad rows are these."""
    found: list[str] = []
    world = service.world

    def expect(what: str, seen: Any, wanted: Any) -> None:
        if seen != wanted:
            found.append(f"{what}: {seen!r} instead of {wanted!r}")

    jobs = sorted(job.request_id for job in world.store.all_jobs())
    expect("jobs", jobs, sorted(f"spring-24.{row}" for row in good))
    expect("runs paid for", len(world.hautech.runs), len(good))
    expect("batch events", len({event.id for event in batch_events(service)}), 1)
    expect("texts of it", len({event.dumps() for event in batch_events(service)}), 1)
    expect("messages left", (len(world.requests), len(world.polls)), (0, 0))
    expect("dead letters", len(world.dead_letters), 0)
    if not found:
        counts = batch_event(service).data.counts
        expect("succeeded", counts.succeeded, len(good))
        expect("refused", counts.refused, len(bad))
        expect("rows", [one["row"] for one in results_of(service)], sorted((*good, *bad)))
        expect("state", batch_of(service).state.value, "batch_done")
    return found
