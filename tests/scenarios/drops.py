"""Photos that are put into a folder of S3 in memory, and the notifications that S3 sends of them."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote_plus

from tests.scenarios.harness import Service
from worker.adapters.memory.pictures import draw_png
from worker.contracts.fields import rfc3339
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import Job

RULES = S3Uri("catalog", "rules.yaml")
HEAD = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input:
      poseImageId: s3://catalog/poses/standing.png
      aspectRatio: "7:10"
      prompt: a person in a jacket
      label: a white jacket
      isHuman: false
      enhancePrompt: true
rules:
"""
GARMENTS = """
  - name: garments
    bucket: catalog
    match: "inbox/{season}/{sku}.{ext}"
    preset: studio
    output: "s3://shop/{season}/{sku}/"
    metadata: {sku: "{sku}"}
"""
SIDECARS = GARMENTS + "    sidecar: true\n"
PARTS = """
  - name: groups
    bucket: catalog
    match: "inbox/{season}/{sku}_{part}.{ext}"
    preset: studio
    parts: {front: imageId, pose: poseImageId}
    output: "s3://shop/{season}/{sku}/"
"""
MOVES = GARMENTS + (
    '    onSuccess: {moveTo: "s3://catalog/processed/{season}/"}\n'
    '    onFailure: {moveTo: "s3://catalog/failed/{season}/"}\n'
)
COPIES = GARMENTS + (
    '    onSuccess: {copyTo: "s3://catalog/processed/{season}/"}\n'
    '    onFailure: {copyTo: "s3://catalog/failed/{season}/"}\n'
)
FANOUT = GARMENTS + "    fanOut: {seed: [1, 2, 3]}\n"

_sequence = itertools.count(1)


def service_with(rules: str = GARMENTS, **changes: Any) -> Service:
    """A service whose rules file has these rules."""
    service = Service(drop_rules=RULES, **changes)
    service.world.objects.add(RULES, (HEAD + rules).encode())
    return service


def put(service: Service, key: str, data: bytes | None = None, *, bucket: str = "catalog") -> str:
    """Somebody puts a file there; the notification that S3 sends of it."""
    data = draw_png(key) if data is None else data
    service.world.objects.add(S3Uri(bucket, key), data)
    return notification(service, key, bucket=bucket)


def notification(service: Service, key: str, *, bucket: str = "catalog") -> str:
    """What S3 says now of what stands there now."""
    found = service.world.objects.head(S3Uri(bucket, key))
    assert found is not None
    entity: dict[str, Any] = {
        "key": quote_plus(key),
        "size": found.size_bytes,
        "eTag": found.etag,
        "sequencer": f"{next(_sequence):016X}",
    }
    if found.version_id:
        entity["versionId"] = found.version_id
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-west-1",
        "eventTime": rfc3339(service.world.clock.now()),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": entity},
    }
    return json.dumps({"Records": [record]})


def drop(service: Service, key: str, data: bytes | None = None) -> None:
    """Somebody puts a file there, and S3 tells of it."""
    service.send(put(service, key, data))


def jobs(service: Service) -> list[Job]:
    """Every job there is."""
    return service.world.store.all_jobs()


def there(service: Service, bucket: str) -> list[str]:
    """The keys of a bucket that are no fixtures."""
    fixtures = {"rules.yaml", "poses/standing.png", "raw/jacket.png"}
    return [key for key in service.world.objects.keys(bucket) if key not in fixtures]


def error_document(service: Service, key: str) -> dict[str, Any]:
    """An error document in the output bucket."""
    return service.document(key)
