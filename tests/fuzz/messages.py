"""Requests, poll messages, dead letters, stored jobs: all that arrives by queue and table."""

from __future__ import annotations

import json
from pathlib import Path

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS, new_job
from tests.fuzz.target import Target, text_of
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.json_text import MAX_MESSAGE_BYTES, canonical_json, read_json
from worker.contracts.poll import parse_poll
from worker.contracts.readable import readable_metadata, readable_request_id, readable_workflow
from worker.contracts.request import Request, content_digest, parse_request, s3_references
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import is_attribute_text
from worker.errors import (
    InvalidRequestError,
    MalformedRequestError,
    PollMessageError,
)
from worker.jobs.document import JobDocumentError, from_document, to_document
from worker.jobs.output_keys import document_key, output_key
from worker.runtime.commands.drafts import DraftError, from_text

_EVENTS = Path(__file__).parents[1] / "events"
_MESSAGES = tuple(
    path.read_bytes().replace(b"s3://catalog/generated", b"s3://shop/generated")
    for folder in ("requests", "refused")
    for path in sorted((_EVENTS / folder).iterdir())
)


def check_request(data: bytes) -> None:
    """Refused with one of two errors, or a request whose every place is on the lists."""
    request = _parsed(data)
    _check_readable(data)
    # What SNS and EventBridge wrap around it makes no difference.
    try:
        text = data.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if len(data) > MAX_MESSAGE_BYTES // 2 or text.startswith("\ufeff"):
        return
    notification = json.dumps({"Type": "Notification", "Message": text}).encode()
    if not (isinstance(value, dict) and {"Type", "detail-type"} & set(value)):
        assert (_parsed(notification) is None) == (request is None)
    if request is not None:
        again = _parsed(notification)
        assert again is not None
        assert content_digest(again) == content_digest(request)


def _parsed(body: bytes) -> Request | None:
    try:
        request = parse_request(body, input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS)
    except (MalformedRequestError, InvalidRequestError) as error:
        assert 0 < len(error.message) < 25_000
        error.message.encode()
        return None
    assert all(found.uri.bucket in INPUT_BUCKETS for found in s3_references(request))
    place = request.output_uri
    assert place.bucket in OUTPUT_BUCKETS
    folder = place.key[: place.key.rfind("/") + 1]
    for key in (
        output_key(place.key, request.request_id, 0, 1, "image/png"),
        output_key(place.key, request.request_id, 41, 99, "text/html"),
        document_key(place.key, request.request_id),
    ):
        assert key.startswith(folder)
        assert ".." not in key.split("/")
        assert len(key.encode()) <= 1024
    written = request.model_dump_json(by_alias=True, exclude_unset=True)
    assert content_digest(Request.model_validate_json(written)) == content_digest(request)
    return request


def _check_readable(data: bytes) -> None:
    request_id = readable_request_id(data)
    assert request_id is None or 1 <= len(request_id) <= 128
    workflow = readable_workflow(data)
    assert workflow is None or 1 <= len(workflow) <= 64
    json.dumps(readable_metadata(data), allow_nan=False).encode()


def check_poll(data: bytes) -> None:
    """Refused with one error, or a message that is written and read back as the same."""
    try:
        message = parse_poll(data)
    except PollMessageError as error:
        error.message.encode()
        return
    assert parse_poll(message.dumps()) == message


def check_json(data: bytes) -> None:
    """Refused with one error, or a value whose canonical text reads as the same value."""
    try:
        value = read_json(data)
    except MalformedRequestError as error:
        error.message.encode()
        assert len(error.message) < 1_000
        return
    text = canonical_json(value)
    text.encode()
    assert canonical_json(json.loads(text)) == text


def check_s3_uri(data: bytes) -> None:
    """Refused, or the same text again from a place in one bucket."""
    text = text_of(data)
    for candidate in (text, f"s3://{text}", f"s3://catalog/{text}"):
        try:
            uri = S3Uri.parse(candidate)
        except ValueError:
            continue
        assert str(uri) == candidate
        assert "/" not in uri.bucket
        assert ".." not in uri.key.replace("\\", "/").split("/")
        assert len(uri.key.encode()) <= 1024


def check_dead_letter(data: bytes) -> None:
    """Any attributes give a reason or none; a reason can be sent and is read back as it was."""
    words = text_of(data).split("\0")
    names = ("failedAt", "errorCode", "errorMessage", "errorStage", "requestId", "eventId")
    reason = DeadLetterReason.from_attributes(dict(zip(names, words, strict=False)))
    if reason is None:
        return
    attributes = reason.to_attributes()
    assert all(is_attribute_text(value) for value in attributes.values())
    again = DeadLetterReason.from_attributes(attributes)
    assert again is None or again.to_attributes() == attributes


def check_stored_job(data: bytes) -> None:
    """Refused with one error, or a job that is written and read back as the same."""
    try:
        job = from_document(data, version=3, lease=None)
    except JobDocumentError as error:
        error.message.encode()
        return
    assert from_document(to_document(job), version=3, lease=None) == job


def check_drafts(data: bytes) -> None:
    """What `submit` reads from a file is refused with one error, or objects that may be checked."""
    try:
        drafts = from_text(text_of(data), Path("/nowhere"))
    except DraftError as error:
        assert str(error)
        return
    assert drafts


TARGETS = (
    Target("request", check_request, share=80, seeds=_MESSAGES),
    Target(
        "json",
        check_json,
        share=140,
        seeds=(*_MESSAGES[:4], b'{"a":[1e5,-0.0,null,"\\ud83d\\ude00"]}'),
    ),
    Target(
        "poll", check_poll, share=140, seeds=(b'{"v":1,"requestId":"sku-1042-front","ticket":7}',)
    ),
    Target(
        "s3-uri",
        check_s3_uri,
        share=140,
        seeds=(
            b"s3://catalog/raw/a.png?versionId=3sL4kqtJlcpXroDTDmJ",
            b"a/../b",
            b"a\\..\\b",
            b"a?b",
        ),
        max_bytes=1500,
    ),
    Target(
        "dead-letter",
        check_dead_letter,
        share=140,
        seeds=(b"2026-03-01T12:00:00.000Z\0request.invalid\0input.seed: -1\0accept\0r-1\0e-1",),
    ),
    Target("stored-job", check_stored_job, share=30, seeds=(to_document(new_job()).encode(),)),
    Target(
        "drafts",
        check_drafts,
        share=100,
        seeds=(*_MESSAGES[:2], b'{"requestId":"a"}\n{"requestId":"b"}\n'),
    ),
)
