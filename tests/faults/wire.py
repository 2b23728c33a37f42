"""Tells which call an HTTP request is: by target header, action, or method and path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, Literal

Upstream = Literal["aws", "api", "media"]

_TARGETS: Final = {
    "ReceiveMessage": "sqs.receive",
    "DeleteMessage": "sqs.delete",
    "DeleteMessageBatch": "sqs.delete",
    "ChangeMessageVisibility": "sqs.visibility",
    "ChangeMessageVisibilityBatch": "sqs.visibility",
    "SendMessage": "sqs.send",
    "SendMessageBatch": "sqs.send",
    "GetItem": "dynamodb.get",
    "PutItem": "dynamodb.put",
    "UpdateItem": "dynamodb.update",
    "BatchGetItem": "dynamodb.get many",
    "BatchWriteItem": "dynamodb.put many",
    "GetSecretValue": "secrets.get",
}
_ITEM: Final = re.compile(rb'"pk": ?\{"S": ?"(\w+#\w*)')
_ITEMS: Final = (
    ("asset#", "asset"),
    ("batch#", "batch"),
    ("batchcancel#", "cancellation"),
    ("rules#drop", "rules"),
    # What workers share beside that is no record, and must not shift the count of those.
    ("durations#", "other"),
    ("circuit#", "other"),
    ("rules#broken", "other"),
)
"""What an item of the job table is that is no job."""

_S3: Final = {"GET": "s3.get", "PUT": "s3.put", "HEAD": "s3.head", "DELETE": "s3.delete"}
_OBJECTS: Final = (
    (re.compile(r"^/images-\w+/"), "image"),
    (re.compile(r"/rules\.yaml$"), "rules"),
    (re.compile(r"/batches/"), "manifest"),
    (re.compile(r"\.error\.json$"), "error document"),
    (re.compile(r"/inbox/.*\.ya?ml$"), "sidecar"),
    (re.compile(r"/inbox/.*\.json$"), "other sidecar"),
    (re.compile(r"/inbox/"), "photo"),
    (re.compile(r"/(processed|failed)/.*\.ya?ml$"), "sidecar put aside"),
    (re.compile(r"/(processed|failed)/"), "photo put aside"),
    (re.compile(r"-\d+w\.\w+$"), "rendition"),
    (re.compile(r"results\.jsonl$"), "results"),
)
"""What an object is, by its path, unless it is a picture or the document of a request."""
_BATCH_EVENT: Final = b"ai.hautech.batch."
_API: Final = tuple(
    (method, re.compile(path), name)
    for method, path, name in (
        ("POST", r"/v1/images/upload/initialize", "hautech.initialize"),
        ("POST", r"/v1/images/upload/finalize", "hautech.finalize"),
        ("POST", r"/v1/workflows/(run/[^/]+|[^/]+/run)", "hautech.run"),
        ("GET", r"/v1/pipelines/[^/]+/status", "hautech.status"),
        ("GET", r"/v1/pipelines/[^/]+", "hautech.pipeline"),
        ("GET", r"/v1/pipelines", "hautech.list"),
        ("GET", r"/v1/images/[^/]+", "hautech.image"),
    )
)
_MEDIA: Final = {"PUT": "hautech.upload", "GET": "hautech.download"}


def name_of(
    upstream: Upstream,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    queues: Mapping[str, str],
) -> str:
    """The call's name, such as `sqs.receive requests`; `other` for what no row is about.

    Args:
        upstream: whose listener it came to.
        method: of the request.
        path: with the query.
        headers: of the request, by lower-case name.
        body: of the request.
        queues: what each queue is for, by URL.
    """
    path, _, query = path.partition("?")
    if upstream == "media":
        return _MEDIA.get(method, "other")
    if upstream == "api":
        for known_method, pattern, name in _API:
            if method == known_method and pattern.fullmatch(path):
                return name
        return "other"
    operation = headers.get("x-amz-target", "").rpartition(".")[2]
    if operation:
        return _name_of_json_call(operation, body, queues)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _name_of_publish(body)
    return _name_of_s3_call(method, path, query)


def _name_of_publish(body: bytes) -> str:
    if b"Action=Publish" not in body:
        return "other"
    return "sns.publish batch" if _BATCH_EVENT in body else "sns.publish"


def _name_of_s3_call(method: str, path: str, query: str) -> str:
    if "list-type=2" in query:
        return "s3.list"
    if "uploads" in query or "uploadId=" in query:
        steps = {"PUT": "s3.put part", "POST": "s3.end upload"}
        return "s3.begin upload" if "uploads" in query else steps.get(method, "other")
    name = _S3.get(method, "other")
    return _with_kind(name, (kind for shape, kind in _OBJECTS if shape.search(path)))


def _name_of_json_call(operation: str, body: bytes, queues: Mapping[str, str]) -> str:
    name = _TARGETS.get(operation, "other")
    if name.startswith("sqs."):
        return f"{name} {queues.get(_queue_url(body), '?')}"
    if name.startswith("dynamodb."):
        found = _ITEM.search(body)
        key = found[1].decode() if found else ""
        return _with_kind(name, (kind for start, kind in _ITEMS if key.startswith(start)))
    return name


def _with_kind(name: str, kinds: Iterator[str]) -> str:
    """The first kind decides; without one it is what the oldest rows are about."""
    kind = next(kinds, "")
    return name if not kind or name == "other" else "other" if kind == "other" else f"{name} {kind}"


def _queue_url(body: bytes) -> str:
    return str(json.loads(body).get("QueueUrl", ""))
