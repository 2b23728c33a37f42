"""Notifications of S3, read: which objects were uploaded, and why the other records are ignored.

    direct       {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", …}]}
    EventBridge  {"source": "aws.s3", "detail-type": "Object Created", "detail": {…}}
    test         {"Event": "s3:TestEvent"}, once, when notifications are set up

All of them may come through SNS, which `contracts.envelopes` takes off. An event says where to
look; what S3 has there now is what counts, so it need not be the newest one or the only one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

from worker.contracts.fields import utc_from_rfc3339
from worker.contracts.messages import TEST_EVENT
from worker.contracts.text import shown

_CREATED = "ObjectCreated"
_BRIDGE_CREATED = "Object Created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Where something was put into a bucket, and when, as its notification tells it.

    `key` is literal. What else an event says (version, ETag, sequencer) is left alone: what lies there
    now counts, and in which order events come decides nothing (decision 37).
    """

    bucket: str
    key: str
    event_time: datetime


class IgnoredBecause(StrEnum):
    """Why a record makes no request."""

    TEST = "a test event: notifications are set up"
    NOT_CREATED = "nothing was uploaded"
    FOLDER = "a folder, not a file"
    EMPTY = "a file without a single byte"
    UNREADABLE = "a record that cannot be read"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record without consequences. `what` names the object or the event."""

    because: IgnoredBecause
    what: str

    def __str__(self) -> str:
        return f"{self.what}: {self.because}"


@dataclass(frozen=True, slots=True)
class S3Event:
    """What a notification says: the uploads in its order, and what is ignored."""

    uploads: tuple[Upload, ...] = ()
    ignored: tuple[Ignored, ...] = ()


def read_s3_event(document: Mapping[str, Any]) -> S3Event:
    """The uploads of a message that `contracts.messages` takes for a notification. Never raises.

    A record that cannot be read is among the ignored ones: S3 writes none, and the others of the
    message are good.
    """
    if document.get("Event") == TEST_EVENT:
        return S3Event(ignored=(Ignored(IgnoredBecause.TEST, shown(document.get("Bucket"))),))
    read: list[Upload | Ignored]
    if "Records" in document:
        read = [_read(_direct, record) for record in document["Records"]]
    else:
        read = [_read(_bridge, document)]
    return S3Event(
        uploads=tuple(one for one in read if isinstance(one, Upload)),
        ignored=tuple(one for one in read if isinstance(one, Ignored)),
    )


def _read(
    reader: Callable[[Mapping[str, Any]], Upload | Ignored], record: Mapping[str, Any]
) -> Upload | Ignored:
    try:
        return reader(record)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError) as error:
        what = f"{type(error).__name__} {error}"[:200]
        return Ignored(IgnoredBecause.UNREADABLE, what)


def _direct(record: Mapping[str, Any]) -> Upload | Ignored:
    # Imported when the first notification comes: it takes some 90 ms of CPU, which a worker that
    # watches no folder should not pay at its start. Decision 33 says why not the parser's models.
    from aws_lambda_powertools.utilities.data_classes.s3_event import (  # noqa: PLC0415
        S3EventRecord,
    )

    event = S3EventRecord(dict(record))
    happened = event.event_name.removeprefix("s3:")  # MinIO writes the name as it is subscribed to
    entity = event.s3.get_object
    bucket, key = event.s3.bucket.name, unquote_plus(entity.key, errors="strict")
    if happened.partition(":")[0] != _CREATED:
        return Ignored(IgnoredBecause.NOT_CREATED, f"{happened} of {_place(bucket, key)}")
    return _upload(
        bucket=bucket,
        key=key,
        size_bytes=entity.get("size"),
        event_time=event.event_time,
    )


def _bridge(document: Mapping[str, Any]) -> Upload | Ignored:
    from aws_lambda_powertools.utilities.data_classes.s3_event import (  # noqa: PLC0415
        S3EventBridgeNotificationEvent,
    )

    event = S3EventBridgeNotificationEvent(dict(document))
    happened = event.detail_type
    if happened != _BRIDGE_CREATED:  # CloudTrail's events have no `object`
        return Ignored(IgnoredBecause.NOT_CREATED, f"EventBridge: {happened}")
    entity = event.detail.object
    return _upload(
        bucket=event.detail.bucket.name,
        # Not `entity.key`: that decodes, and what S3 tells EventBridge is not encoded.
        # Source: aws-solutions-library-samples/guidance-for-medialake-on-aws, pull request 21,
        # which tried names like "%2B%20%%%.png"; MiniStack does the same.
        key=entity["key"],
        size_bytes=entity.get("size"),
        event_time=event.time,
    )


def _upload(*, bucket: Any, key: Any, size_bytes: Any, event_time: Any) -> Upload | Ignored:
    if not (isinstance(bucket, str) and isinstance(key, str) and bucket and key):
        raise ValueError("has no bucket or no key")
    place = _place(bucket, key)
    if key.endswith("/"):
        return Ignored(IgnoredBecause.FOLDER, place)
    if size_bytes is not None and int(size_bytes) == 0:
        return Ignored(IgnoredBecause.EMPTY, place)
    return Upload(bucket=bucket, key=key, event_time=_time(event_time))


def _time(value: Any) -> datetime:
    if isinstance(value, (int, float)) and not isinstance(value, bool):  # moto's EventBridge
        return datetime.fromtimestamp(value, UTC)
    return utc_from_rfc3339(value)


def _place(bucket: str, key: str) -> str:
    return shown(f"s3://{bucket}/{key}")
