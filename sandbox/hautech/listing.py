"""The pipeline list: filters, order and opaque cursors."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sandbox.hautech.errors import ApiError
from sandbox.hautech.pipelines import Pipeline, PipelineStore

_DEFAULT_LIMIT = 50
_MAX_LIMIT = 200
_ORDERS = ("createdAt_DESC", "createdAt_ASC")
_STATUSES = ("pending", "completed", "failed")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which pipelines a list or a count is about."""

    status: str | None
    parent_operation_id: str | None

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Reads the filters of a query string.

        Raises:
            ApiError: 400 for a status that does not exist.
        """
        status = query.get("status")
        if status is not None and status not in _STATUSES:
            raise ApiError(
                400, [f"status must be one of the following values: {', '.join(_STATUSES)}"]
            )
        return cls(status=status, parent_operation_id=query.get("parentOperationId"))

    def match(self, pipeline: Pipeline, now: datetime) -> bool:
        """Whether the pipeline is visible and wanted."""
        return (
            pipeline.is_listed(now)
            and self.status in {None, pipeline.status}
            and self.parent_operation_id in {None, pipeline.operation_id}
        )


def page(
    pipelines: PipelineStore, query: Mapping[str, str], *, now: datetime
) -> tuple[list[Pipeline], str | None]:
    """One page of the list, and the cursor of the next one if there is one.

    Raises:
        ApiError: 400 for a bad limit, order, cursor or status.
    """
    filters = Filters.read(query)
    limit = _limit(query.get("limit"))
    order = query.get("orderBy", _ORDERS[0])
    if order not in _ORDERS:
        raise ApiError(400, [f"orderBy must be one of the following values: {', '.join(_ORDERS)}"])
    edge = _read_cursor(query.get("cursor"))
    candidates: Iterator[Pipeline]
    if order == "createdAt_DESC":
        candidates = pipelines.newest_first(below=edge)
    else:
        candidates = pipelines.oldest_first(above=edge)
    matching = (pipeline for pipeline in candidates if filters.match(pipeline, now))
    found = list(islice(matching, limit + 1))
    if len(found) <= limit:
        return found, None
    return found[:limit], _cursor(found[limit - 1].number)


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    # The real maximum is not known; a client should stay with the default.
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_LIMIT:
        raise ApiError(400, [f"limit must be an integer number from 1 to {_MAX_LIMIT}"])
    return int(text)


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"after:{number}".encode()).decode("ascii")


def _read_cursor(text: str | None) -> int | None:
    if not text:
        return None
    try:
        word, _, number = base64.urlsafe_b64decode(text).decode("ascii").partition(":")
        if word == "after":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise ApiError(400, ["cursor is not valid"])
