"""Which kind of message came on the requests queue; told by its shape, in a few look-ups.

    document = unwrap(body)
    match kind_of(document):
        case MessageKind.REQUEST: …        parse_document(with_preset(document, presets), …)
        case MessageKind.S3_EVENT: …       worker.drops.s3_events.read_s3_event(document)
        case MessageKind.BATCH: …

Nothing is checked here: what has the shape of a kind is read, and refused, by who reads that kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from worker.contracts.envelopes import is_s3_bridge_event

TEST_EVENT = "s3:TestEvent"
"""What S3 sends once when notifications are set up (Source: S3 user guide, "Enabling event
notifications")."""


class MessageKind(StrEnum):
    """The kinds of messages on the requests queue."""

    REQUEST = "request"
    S3_EVENT = "s3_event"
    BATCH = "batch"


def kind_of(document: Mapping[str, Any]) -> MessageKind:
    """The kind of an unwrapped message; a request if it looks like nothing else."""
    if "requestId" in document:  # nearly every message, and no other kind has it
        return MessageKind.REQUEST
    if is_s3_event(document):
        return MessageKind.S3_EVENT
    if "batchId" in document:
        return MessageKind.BATCH
    return MessageKind.REQUEST


def is_s3_event(document: Mapping[str, Any]) -> bool:
    """Whether an unwrapped message is a notification of S3: direct, or of EventBridge."""
    records = document.get("Records")
    if isinstance(records, list) and records:
        # "minio:s3", "ceph:s3": other stores send the same records under their own name.
        return all(
            isinstance(record, Mapping) and str(record.get("eventSource", "")).endswith(":s3")
            for record in records
        )
    return document.get("Event") == TEST_EVENT or is_s3_bridge_event(document)
