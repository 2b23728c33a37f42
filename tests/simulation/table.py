"""The job table, with an index that shows what was true a while ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from tests.simulation.clockwork import Scheduler
from worker.adapters.memory.store import MemoryJobStore
from worker.jobs.job import Job, JobState
from worker.ports.jobs import JobSummary


class SimJobStore(MemoryJobStore):
    """The JobStore port; its lists are `lag_s` seconds old, its records are not."""

    def __init__(self, scheduler: Scheduler, lag_s: float) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._lag_s = lag_s
        self._tickets: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._indexed: dict[str, list[tuple[float, JobSummary]]] = defaultdict(list)

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """See `JobStore.unchanged_since`."""
        shown = filter(None, map(self._shown, self._indexed.values()))
        old = [one for one in shown if one.state is state and one.updated_at < moment]
        yield from sorted(old, key=lambda one: one.updated_at)

    def ticket_replaced_at_s(self, request_id: str, ticket: int) -> float | None:
        """Since when a poll message with this ticket carries nothing any more; None: it may."""
        saved = self._tickets[request_id]
        return next((at_s for at_s, newer in saved if newer > ticket), None)

    def _shown(self, entries: list[tuple[float, JobSummary]]) -> JobSummary | None:
        until_s = self._scheduler.now_s - self._lag_s
        return next((one for at_s, one in reversed(entries) if at_s <= until_s), None)

    def _write(self, job: Job) -> None:
        super()._write(job)
        summary = self._records[job.request_id].summary
        now_s = self._scheduler.now_s
        self._indexed[job.request_id].append((now_s, summary))
        self._tickets[job.request_id].append((now_s, job.poll_ticket))
