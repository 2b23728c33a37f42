"""The records of batches, and of their rows that never became jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from worker.batches.states import BatchState, RowMark

if TYPE_CHECKING:  # imported with the first batch
    from worker.batches.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """One line about a batch, for lists."""

    batch_id: str
    state: BatchState
    updated_at: datetime


class BatchStore(Protocol):
    """The records of batches, changed only by writes that are guarded by their version.

    As with jobs, the echo of an own retried write is a success, not a lost race.
    """

    def create(self, batch: Batch) -> Batch | None:
        """Store a new batch as version 1.

        Returns None when it was stored; else the batch that already has this id, untouched.
        """

    def load(self, batch_id: str) -> Batch | None:
        """The batch as last saved (strongly consistent), or None."""

    def save(self, batch: Batch) -> Batch:
        """Store the batch, if its version is unchanged; returns it with its new version.

        Raises StaleJobError when the record changed or vanished.
        """

    def list_by_state(self, state: BatchState, *, limit: int) -> list[BatchSummary]:
        """The most recently changed batches in that state, newest first (eventually consistent)."""

    def unchanged_since(self, moment: datetime, state: BatchState) -> Iterator[BatchSummary]:
        """The batches in that state that last changed before `moment`, oldest change first."""

    def mark_rows(self, batch_id: str, marks: Sequence[RowMark]) -> None:
        """Say of rows that they never became jobs, and why. May be repeated; the last mark stands."""

    def marks(self, batch_id: str, rows: Sequence[int]) -> dict[int, RowMark]:
        """The marks of those of these rows that have one (eventually consistent)."""

    def cancel(self, batch_id: str, *, at: datetime) -> datetime:
        """Cancel a batch, whether it is known or not; since when it is: the first time counts."""

    def cancelled_at(self, batch_id: str) -> datetime | None:
        """Since when the batch is cancelled (strongly consistent); None if it is not."""
