"""Batch records in memory, as JSON text: what does not survive the text does not survive here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock

from worker.adapters.records import stale
from worker.batches.batch import Batch
from worker.batches.document import from_document, to_document
from worker.batches.states import BatchState, RowMark
from worker.ports.batches import BatchSummary


class MemoryBatchStore:
    """The BatchStore port in memory, safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, tuple[str, int, BatchSummary]] = {}
        self._marks: dict[tuple[str, int], RowMark] = {}
        self._cancelled: dict[str, datetime] = {}

    def create(self, batch: Batch) -> Batch | None:
        """See `BatchStore.create`."""
        with self._lock:
            known = self._load(batch.batch_id)
            if known is None:
                self._write(replace(batch, version=1))
        return known

    def load(self, batch_id: str) -> Batch | None:
        """See `BatchStore.load`."""
        with self._lock:
            return self._load(batch_id)

    def save(self, batch: Batch) -> Batch:
        """See `BatchStore.save`."""
        saved = replace(batch, version=batch.version + 1)
        with self._lock:
            known = self._load(batch.batch_id)
            version = known.version if known else None
            if version != batch.version:
                raise stale(f"batch {batch.batch_id}", batch.version, version=version)
            self._write(saved)
        return saved

    def list_by_state(self, state: BatchState, *, limit: int) -> list[BatchSummary]:
        """See `BatchStore.list_by_state`."""
        return sorted(self._of(state), key=lambda one: one.updated_at, reverse=True)[:limit]

    def unchanged_since(self, moment: datetime, state: BatchState) -> Iterator[BatchSummary]:
        """See `BatchStore.unchanged_since`."""
        old = [one for one in self._of(state) if one.updated_at < moment]
        yield from sorted(old, key=lambda one: one.updated_at)

    def mark_rows(self, batch_id: str, marks: Sequence[RowMark]) -> None:
        """See `BatchStore.mark_rows`."""
        with self._lock:
            self._marks.update({(batch_id, mark.row): mark for mark in marks})

    def marks(self, batch_id: str, rows: Sequence[int]) -> dict[int, RowMark]:
        """See `BatchStore.marks`."""
        with self._lock:
            found = {row: self._marks.get((batch_id, row)) for row in rows}
        return {row: mark for row, mark in found.items() if mark is not None}

    def cancel(self, batch_id: str, *, at: datetime) -> datetime:
        """See `BatchStore.cancel`."""
        with self._lock:
            return self._cancelled.setdefault(batch_id, at)

    def cancelled_at(self, batch_id: str) -> datetime | None:
        """See `BatchStore.cancelled_at`."""
        with self._lock:
            return self._cancelled.get(batch_id)

    def _of(self, state: BatchState) -> list[BatchSummary]:
        with self._lock:
            summaries = [summary for _, _, summary in self._records.values()]
        return [summary for summary in summaries if summary.state is state]

    def _load(self, batch_id: str) -> Batch | None:
        record = self._records.get(batch_id)
        return None if record is None else from_document(record[0], version=record[1])

    def _write(self, batch: Batch) -> None:
        summary = BatchSummary(
            batch_id=batch.batch_id, state=batch.state, updated_at=batch.updated_at
        )
        self._records[batch.batch_id] = (to_document(batch), batch.version, summary)
