"""A batch of SQS messages as Lambda hands it over, and the answer that Lambda understands. Pure.

Lambda deletes every message that the answer does not name, and takes an answer that it cannot read
for a failure of the whole batch. So a record without a name cannot be answered for: then the
invocation fails, and all messages come back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from worker.adapters.messages import QueueMessage
from worker.errors import WorkerError

_MAX_SHOWN: Final = 3


class NotABatchError(WorkerError):
    """The event is no batch of SQS messages, or a message in it has no id to answer with."""


def messages_in(event: Any) -> list[QueueMessage]:
    """The messages of an SQS event, in its order. Never fewer than it has records.

    A body or receipt that is no text is "": the first is refused like any bad request, the second
    cannot be handed back and comes again by itself.

    Raises:
        NotABatchError: some message could not be named in the answer, and would be deleted.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, Sequence) or isinstance(records, str | bytes):
        raise NotABatchError(
            "the event has no list of Records: this function takes batches of SQS messages from "
            "an event source mapping"
        )
    nameless = [index for index, record in enumerate(records) if not _name_of(record)]
    if nameless:
        shown = ", ".join(map(str, nameless[:_MAX_SHOWN]))
        raise NotABatchError(
            f"{len(nameless)} of {len(records)} records have no messageId (number {shown}): they "
            "could not be named in the answer, so none is answered and all come back"
        )
    return [_message(record) for record in records]


def batch_response(received: Sequence[str], kept: Collection[str]) -> dict[str, Any]:
    """The answer that deletes all received messages but the `kept` ones.

    Names are a subset of `received`, each once, in its order: Lambda takes an answer with an
    unknown, empty or repeated name for a failure of the batch (Source: AWS Lambda guide, handling
    errors for an SQS event source).
    """
    named = [name for name in dict.fromkeys(received) if name in kept]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in named]}


def _name_of(record: Any) -> str:
    name = record.get("messageId") if isinstance(record, Mapping) else None
    return name if isinstance(name, str) else ""


def _message(record: Mapping[str, Any]) -> QueueMessage:
    system = _mapping(record.get("attributes"))
    return QueueMessage(
        body=_text(record.get("body")),
        receipt_handle=_text(record.get("receiptHandle")),
        message_id=_name_of(record),
        receive_count=max(1, _whole(system.get("ApproximateReceiveCount"), 1)),
        sent_at=_moment(_whole(system.get("SentTimestamp"), 0)),
        attributes={
            name: value["stringValue"]
            for name, value in _mapping(record.get("messageAttributes")).items()
            if isinstance(value, Mapping) and isinstance(value.get("stringValue"), str)
        },
        trace=_text(system.get("AWSTraceHeader")) or None,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any, otherwise: int) -> int:
    """A whole number, as text or not. What is none says nothing, and is no reason to fail."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return otherwise


def _moment(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)
