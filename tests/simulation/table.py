"""The job table, with an index that shows what was true a while ago."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.simulation.clockwork import Scheduler
from tests.simulation.history import History
from worker.adapters.memory.store import MemoryJobStore
from worker.jobs.job import Job, JobState
from worker.ports.jobs import JobSummary


class SimJobStore(MemoryJobStore):
    """The JobStore port; its lists are `lag_s` seconds old, `load_many` `stale_s`, its records are not."""

    def __init__(self, scheduler: Scheduler, lag_s: float, *, stale_s: float = 0.0) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._lag_s = lag_s
        self._stale_s = stale_s
        self._tickets: dict[str, list[tuple[float, int]]] = defaultdict(list)
        self._indexed: dict[str, History[JobSummary]] = defaultdict(History)
        self._saved: dict[str, History[Job]] = defaultdict(History)

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """See `JobStore.unchanged_since`."""
        at_s = self._scheduler.now_s - self._lag_s
        shown = (history.at(at_s) for history in self._indexed.values())
        old = [one for one in shown if one and one.state is state and one.updated_at < moment]
        yield from sorted(old, key=lambda one: one.updated_at)

    def load_many(self, request_ids: Sequence[str]) -> dict[str, Job]:
        """See `JobStore.load_many`."""
        at_s = self._scheduler.now_s - self._stale_s
        found = ((request_id, self._saved[request_id].at(at_s)) for request_id in request_ids)
        return {request_id: job for request_id, job in found if job is not None}

    def forget(self, request_id: str) -> None:
        """See `MemoryJobStore.forget`."""
        super().forget(request_id)
        self._saved.pop(request_id, None)

    def ticket_replaced_at_s(self, request_id: str, ticket: int) -> float | None:
        """Since when a poll message with this ticket carries nothing any more; None: it may."""
        saved = self._tickets[request_id]
        return next((at_s for at_s, newer in saved if newer > ticket), None)

    def _write(self, job: Job) -> None:
        super()._write(job)
        summary = self._records[job.request_id].summary
        now_s = self._scheduler.now_s
        self._indexed[job.request_id].add(now_s, summary)
        self._tickets[job.request_id].append((now_s, job.poll_ticket))
        self._saved[job.request_id].add(now_s, job)
