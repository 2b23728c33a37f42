"""Tells which call an HTTP request is: by target header, action, or method and path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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
    "GetSecretValue": "secrets.get",
}
_DURATIONS: Final = b'"durations#'
_S3: Final = {"GET": "s3.get", "PUT": "s3.put", "HEAD": "s3.head"}
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
    path = path.partition("?")[0]
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
        return "sns.publish" if b"Action=Publish" in body else "other"
    return _S3.get(method, "other")


def _name_of_json_call(operation: str, body: bytes, queues: Mapping[str, str]) -> str:
    name = _TARGETS.get(operation, "other")
    if name.startswith("sqs."):
        return f"{name} {queues.get(_queue_url(body), '?')}"
    # What workers share about durations is no record, and must not shift the count of those.
    return "other" if name.startswith("dynamodb.") and _DURATIONS in body else name


def _queue_url(body: bytes) -> str:
    return str(json.loads(body).get("QueueUrl", ""))
