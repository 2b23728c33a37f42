"""One row of a manifest or a matrix, before it is a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.contracts.text import shorten

MAX_ROWS: Final = 100_000
"""Rows of one batch."""

MAX_ROW_BYTES: Final = 262_144
"""256 KiB: what a request message may have, so no row of more could become one."""

MAX_REASON_CHARACTERS: Final = 600
"""Of why a row is no request: it is kept for each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A row as it was read. One with a `problem` is no request, and says why.

    `row` counts the rows from 1; `line` is where it begins in the manifest (the row itself, in a
    matrix). Named `values` fill the template and set fields; a `patch` is laid over the request.
    """

    row: int
    line: int
    values: Mapping[str, Any] = field(default_factory=dict)
    patch: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


def bad_row(row: int, line: int, problem: str) -> SourceRow:
    """A row that cannot be read, with the reason in at most `MAX_REASON_CHARACTERS`."""
    return SourceRow(row=row, line=line, problem=shorten(problem, MAX_REASON_CHARACTERS))
