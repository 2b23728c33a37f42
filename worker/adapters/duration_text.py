"""The durations of pipelines as the text that every duration board keeps.

    {"<workflow id>": {"lastAt": "2026-11-26T12:00:00+00:00", "seconds": [61.2, 58.9]}}

Whatever stands there is read with bounded work, and believed within bounds: it decides only when
a worker looks, but it decides that for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from worker.jobs.durations import REMEMBERED, Seen, is_plausible

WORKFLOWS_MOST: Final = 32
"""Workflows that are remembered: those that ended last. 4 KB for eight, 16 KB for all of them."""

_ID_MOST: Final = 128
_TEXT_MOST: Final = 64 * 1024


def durations_to_text(seen: Mapping[str, Seen]) -> str:
    """The durations as JSON, to the tenth of a second, of the workflows that were seen last."""
    newest = sorted(seen.items(), key=lambda item: item[1].last_at, reverse=True)[:WORKFLOWS_MOST]
    return json.dumps(
        {
            workflow_id: {
                "lastAt": one.last_at.astimezone(UTC).isoformat(timespec="seconds"),
                "seconds": [round(duration_s, 1) for duration_s in one.durations_s],
            }
            for workflow_id, one in newest
        },
        separators=(",", ":"),
    )


def durations_from_text(text: str) -> dict[str, Seen]:
    """The durations in a text; what is none is left out. Raises ValueError when nothing is left."""
    if len(text) > _TEXT_MOST:
        raise ValueError(f"no durations: {len(text):,} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no durations: {error}") from error
    entries = document.items() if isinstance(document, dict) else ()
    read = {
        workflow_id: seen
        for workflow_id, entry in entries
        if len(workflow_id) <= _ID_MOST and (seen := _seen(entry)) is not None
    }
    if not read:
        raise ValueError("no durations: no workflow with any is in it")
    return dict(sorted(read.items(), key=lambda item: item[1].last_at)[-WORKFLOWS_MOST:])


def _seen(entry: Any) -> Seen | None:
    try:
        last_at = datetime.fromisoformat(entry["lastAt"]).astimezone(UTC)
        durations_s = tuple(filter(_is_duration, entry["seconds"][-REMEMBERED:]))
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return Seen(durations_s, last_at) if durations_s else None


def _is_duration(value: Any) -> bool:
    # JSON's `true` is a number to Python.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and is_plausible(value)
