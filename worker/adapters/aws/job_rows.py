"""The rows of the index that lists jobs. One that no worker wrote must not hide all the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from worker.jobs.job import JobState
from worker.ports.jobs import JobSummary

_log = structlog.get_logger(__name__)

KEY_PREFIX: Final = "job#"
"""What the keys of jobs begin with."""

_SHOWN: Final = 200


def summaries(items: Iterable[Mapping[str, Any]]) -> Iterator[JobSummary]:
    """A line for each row; a row that cannot be read, edited by hand say, is named in the log."""
    for item in items:
        try:
            yield _summary(item)
        except (KeyError, ValueError) as error:
            key = item["pk"]["S"][:_SHOWN]
            _log.warning(
                f"item {key!r} of the job table is left out: {error!r}; correct or remove it",
                action="row_unreadable",
            )


def _summary(item: Mapping[str, Any]) -> JobSummary:
    key = item["pk"]["S"]
    if not key.startswith(KEY_PREFIX):
        raise ValueError(f"its key does not begin with {KEY_PREFIX}")
    updated_at = datetime.fromisoformat(item["updatedAt"]["S"])
    if updated_at.tzinfo is None:
        raise ValueError("updatedAt has no time zone")
    return JobSummary(
        request_id=key.removeprefix(KEY_PREFIX),
        state=JobState(item["state"]["S"]),
        workflow=item["workflow"]["S"],
        updated_at=updated_at,
    )
