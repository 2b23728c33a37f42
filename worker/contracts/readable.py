"""What can still be read from a request that was refused, so that its failed event can name it.

Nothing is guessed: a value counts only if it is valid by itself and there is no second one.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from pydantic_core import PydanticCustomError

from worker.contracts.envelopes import MAX_ENVELOPES, unwrap
from worker.contracts.ids import REQUEST_ID_PATTERN, check_request_id
from worker.contracts.json_text import read_json
from worker.contracts.messages import TEST_EVENT, MessageKind, kind_of
from worker.contracts.metadata import metadata_problems
from worker.contracts.origin import BatchRow, batch_of
from worker.contracts.request import check_workflow
from worker.contracts.result import EVENT_SOURCE
from worker.errors import MalformedRequestError

# In text that is no JSON: the key and its value, as long as the value has no escapes.
_REQUEST_ID = re.compile(rf'"requestId"\s*:\s*"({REQUEST_ID_PATTERN})"')
_WORKFLOW = re.compile(r'"workflow"\s*:\s*"([a-zA-Z0-9-]{1,64})"')


def readable_request_id(body: str | bytes) -> str | None:
    """The requestId of a message that is otherwise unusable, or None."""
    found = _field(body, "requestId", _REQUEST_ID)
    try:
        return check_request_id(found) if found else None
    except PydanticCustomError:
        return None


def readable_workflow(body: str | bytes) -> str | None:
    """The workflow (name or UUID) of a message that is otherwise unusable, or None."""
    found = _field(body, "workflow", _WORKFLOW)
    try:
        return check_workflow(found) if found else None
    except PydanticCustomError:
        return None


def readable_metadata(body: str | bytes) -> dict[str, Any]:
    """The metadata of a message that is otherwise unusable; empty if there is none to read."""
    document, _ = _innermost(body)
    metadata = document.get("metadata") if document else None
    if not isinstance(metadata, dict) or metadata_problems(metadata):
        return {}
    try:
        # What goes into an event must be sound JSON itself: no NaN, no half characters, not deep.
        checked = read_json(json.dumps(metadata, ensure_ascii=False), "metadata")
    except (MalformedRequestError, RecursionError):
        return {}
    return metadata if isinstance(checked, dict) else {}


def readable_batch_id(body: str) -> str | None:
    """The batchId of a batch message, whatever it is worth; None if the message is none."""
    # Looking for the word is far cheaper than reading, and nearly every message has none.
    document, _ = _innermost(body) if "batchId" in body else (None, "")
    if document is None or kind_of(document) is not MessageKind.BATCH:
        return None
    return str(document["batchId"])


def readable_document(body: str | bytes) -> dict[str, Any] | None:
    """The innermost JSON object of a message that is otherwise unusable, or None."""
    document, _ = _innermost(body)
    return document


def readable_s3_event(body: str) -> dict[str, Any] | None:
    """The notification of S3 that a message is, taken out of its envelopes; None if it is none."""
    # As above: these words are in all of them, and in few others.
    if not any(word in body for word in (":s3", "aws.s3", TEST_EVENT)):
        return None
    try:
        document = unwrap(body)
    except MalformedRequestError:
        return None
    return document if kind_of(document) is MessageKind.S3_EVENT else None


def readable_batch_row(body: str | bytes) -> BatchRow | None:
    """The row of a batch that a message is, if it says so, however unusable it is otherwise."""
    document, _ = _innermost(body)
    return batch_of(document) if document else None


def is_own_event(body: str | bytes) -> bool:
    """Whether a message is a result event, which the topic delivered to the requests queue."""
    document, _ = _innermost(body)
    return document is not None and (document.get("source"), document.get("specversion")) == (
        EVENT_SOURCE,
        "1.0",
    )


def _field(body: str | bytes, name: str, pattern: re.Pattern[str]) -> str | None:
    document, text = _innermost(body)
    if document is None:
        found = pattern.findall(text)
        return str(found[0]) if len(found) == 1 else None
    value = document.get(name)
    return value if isinstance(value, str) else None


def _innermost(body: str | bytes) -> tuple[dict[str, Any] | None, str]:
    """The innermost JSON object that can be reached, and the text it was (or was not) read from."""
    text = body if isinstance(body, str) else body.decode(errors="replace")
    document = _read_leniently(text)
    for _ in range(MAX_ENVELOPES):
        if document is None:
            break
        if document.get("Type") == "Notification" and isinstance(document.get("Message"), str):
            text = document["Message"]
            document = _read_leniently(text)
        elif "detail-type" in document and isinstance(document.get("detail"), dict):
            document = document["detail"]
    return document, text


def _read_leniently(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without the keys that stand in it twice: which value was meant is unknown."""
    found = dict(pairs)
    if len(found) != len(pairs):
        times = Counter(key for key, _ in pairs)
        found = {key: value for key, value in found.items() if times[key] == 1}
    return found
