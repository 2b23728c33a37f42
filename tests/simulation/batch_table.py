"""The records of batches, with reads that show what was true a moment ago where DynamoDB's may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.simulation.clockwork import Scheduler
from tests.simulation.history import History
from worker.adapters.memory.batches import MemoryBatchStore
from worker.batches.batch import Batch
from worker.batches.states import BatchState, RowMark
from worker.ports.batches import BatchSummary


class SimBatchStore(MemoryBatchStore):
    """The BatchStore port; its lists are `lag_s` seconds old, its marks `stale_s`, the rest is not."""

    def __init__(self, scheduler: Scheduler, *, lag_s: float, stale_s: float) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._lag_s = lag_s
        self._stale_s = stale_s
        self._indexed: dict[str, History[BatchSummary]] = defaultdict(History)
        self._marked_at_s: dict[tuple[str, int], float] = {}

    def unchanged_since(self, moment: datetime, state: BatchState) -> Iterator[BatchSummary]:
        """See `BatchStore.unchanged_since`."""
        at_s = self._scheduler.now_s - self._lag_s
        shown = (history.at(at_s) for history in self._indexed.values())
        old = [one for one in shown if one and one.state is state and one.updated_at < moment]
        yield from sorted(old, key=lambda one: one.updated_at)

    def mark_rows(self, batch_id: str, marks: Sequence[RowMark]) -> None:
        """See `BatchStore.mark_rows`."""
        super().mark_rows(batch_id, marks)
        for mark in marks:
            self._marked_at_s.setdefault((batch_id, mark.row), self._scheduler.now_s)

    def marks(self, batch_id: str, rows: Sequence[int]) -> dict[int, RowMark]:
        """See `BatchStore.marks`."""
        until_s = self._scheduler.now_s - self._stale_s
        found = super().marks(batch_id, rows)
        return {
            row: one for row, one in found.items() if self._marked_at_s[batch_id, row] <= until_s
        }

    def all_batches(self) -> list[Batch]:
        """Every batch, in the order in which they were accepted."""
        return [batch for one in self._records if (batch := self._load(one)) is not None]

    def forget(self, batch_id: str) -> None:
        """Removes a record, as the table's expiry does."""
        self._records.pop(batch_id, None)

    def _write(self, batch: Batch) -> None:
        super()._write(batch)
        summary = self._records[batch.batch_id][2]
        self._indexed[batch.batch_id].add(self._scheduler.now_s, summary)
