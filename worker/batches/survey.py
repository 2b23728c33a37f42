"""A look at all rows of a batch before any is sent: what it would start, and which rows are bad."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from worker.batches.rows import CheckRequest, RowMaker, RowRequest
from worker.batches.source_row import SourceRow

BAD_KEPT_MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a batch would do."""

    rows: int
    good: int
    pipelines: int
    """Runs that would be paid for: what several rows prepare counts once, where it is used again."""
    bad: tuple[RowRequest, ...]
    """The first bad rows, `BAD_KEPT_MOST` of them at most."""
    sample: RowRequest | None
    """The first good row."""


def survey(rows: Iterable[SourceRow], maker: RowMaker, check: CheckRequest) -> Survey:
    """Look at all rows, one at a time. Raises ManifestError where they cannot be read on."""
    number = good = pipelines = 0
    prepared: set[bytes] = set()
    bad: list[RowRequest] = []
    sample: RowRequest | None = None
    for source in rows:
        number += 1
        found = maker.request_of(source, check)
        if found.problem is None:
            good += 1
            pipelines += found.pipelines - len(found.preparations)
            prepared.update(found.preparations)
            sample = sample or found
        elif len(bad) < BAD_KEPT_MOST:
            bad.append(found)
    return Survey(
        rows=number, good=good, pipelines=pipelines + len(prepared), bad=tuple(bad), sample=sample
    )
