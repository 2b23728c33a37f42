"""`requestId` and `batchId`: what may be one, and how many rows a batch has."""

from __future__ import annotations

import re
from typing import Final

from pydantic_core import PydanticCustomError

from worker.contracts.fields import broken_rule

REQUEST_ID_PATTERN: Final = "[A-Za-z0-9._:-]{1,128}"
BATCH_ID_PATTERN: Final = "[A-Za-z0-9._:-]{1,100}"
"""Shorter than a requestId: those of its rows are this, a dot and a number."""

MAX_BATCH_ROWS: Final = 100_000

_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)
_BATCH_ID = re.compile(BATCH_ID_PATTERN)


def check_request_id(text: str) -> str:
    """`text` if it may be a requestId; raises pydantic's error in our words otherwise."""
    if not _REQUEST_ID.fullmatch(text):
        raise broken_rule("must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    return text


def check_batch_id(text: str) -> str:
    """`text` if it may be a batchId; raises pydantic's error in our words otherwise."""
    if not _BATCH_ID.fullmatch(text):
        raise broken_rule("must be 1 to 100 of A-Z a-z 0-9 . _ : -")
    return text


def is_batch_id(text: object) -> bool:
    """Whether `text` may be a batchId."""
    try:
        return isinstance(text, str) and bool(check_batch_id(text))
    except PydanticCustomError:
        return False


def may_have_batch_id(body: str) -> bool:
    """Whether it is worth while to read a message for its batchId: hardly one has the word."""
    return '"batchId"' in body
