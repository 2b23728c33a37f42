"""The rules for a request's `output`: where its pictures and its result document will stand."""

from __future__ import annotations

from typing import Any

from worker.contracts.fields import broken_rule
from worker.contracts.references import bucket_problem
from worker.contracts.s3_uri import MAX_KEY_BYTES, S3Uri
from worker.contracts.text import shown
from worker.errors import Problem

ROOM_BYTES = 16
"""What is added to prefix and request id at most: a number and an extension, "-12345.json"."""

_FIX = "s3://bucket/prefix/ or s3://bucket/key.png"


def parse_output(text: str) -> S3Uri:
    """The place that an `output` names.

    Raises:
        ValueError: with the broken rule.
    """
    uri = S3Uri.parse(text)
    if uri.version_id is not None:
        raise ValueError("an output cannot name a version")
    if uri.key.startswith("/"):
        raise ValueError('the key begins with "/"')
    if "." in uri.key.split("/"):
        # HTTP proxies and copying tools leave it out: the picture would be elsewhere than announced.
        raise ValueError('the key has a "." segment')
    return uri


def check_output(text: str) -> str:
    """`text` if it may be an `output`; raises pydantic's error in our words otherwise."""
    try:
        parse_output(text)
    except ValueError as error:
        raise broken_rule(str(error), _FIX) from None
    return text


def output_problems(output: Any, request_id: Any, output_buckets: frozenset[str]) -> list[Problem]:
    """What is wrong with a well-formed `output`: its bucket, or the keys that come of it.

    A malformed one is left to the model, which reports it with the words of `check_output`.
    """
    if not isinstance(output, str):
        return []
    try:
        uri = parse_output(output)
    except ValueError:
        return []
    problems = []
    if problem := bucket_problem("output", uri, output_buckets, "WORKER_OUTPUT_BUCKETS"):
        problems.append(problem)
    if isinstance(request_id, str):
        folder = uri.key[: uri.key.rfind("/") + 1]
        stem = folder + request_id
        # Beside an exact key go the pictures that nobody foresaw: <key>-2.png and so on.
        size_bytes = max(len(stem.encode()), len(uri.key.encode())) + ROOM_BYTES
        if size_bytes > MAX_KEY_BYTES:
            rule = (
                f"with requestId, number and extension the keys could have {size_bytes:,} bytes, "
                f"S3 allows {MAX_KEY_BYTES:,}"
            )
            problems.append(Problem("output", shown(output), rule, "shorten it"))
        if uri.key == f"{stem}.json":
            rule = "is the key of the result document, which stands beside the picture"
            problems.append(Problem("output", shown(output), rule, "name the picture otherwise"))
    return problems
