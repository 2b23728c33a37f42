"""Job records in memory, as JSON text: what does not survive the text does not survive here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock

from worker.adapters.records import check_room, check_size, lost_race, stale, stored_lease
from worker.jobs.document import from_document, to_document
from worker.jobs.job import Job, JobState, Lease
from worker.ports.jobs import JobSummary


@dataclass(frozen=True, slots=True)
class _Record:
    document: str
    version: int
    lease: Lease | None
    summary: JobSummary

    def read(self) -> Job:
        return from_document(self.document, version=self.version, lease=self.lease)


class MemoryJobStore:
    """The JobStore port in memory, safe for threads. `writes` counts all that took effect."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: dict[str, _Record] = {}
        self.writes = 0

    def create(self, job: Job) -> Job | None:
        """See `JobStore.create`. Raises RecordTooLargeError, too."""
        created = replace(job, version=1, lease=stored_lease(job.lease))
        with self._lock:
            record = self._records.get(job.request_id)
            if record is None:
                check_room(job)
                self._write(created)
        return None if record is None else record.read()

    def load(self, request_id: str) -> Job | None:
        """See `JobStore.load`."""
        with self._lock:
            record = self._records.get(request_id)
        return None if record is None else record.read()

    def load_many(self, request_ids: Sequence[str]) -> dict[str, Job]:
        """See `JobStore.load_many`. Always exact here."""
        found = ((request_id, self.load(request_id)) for request_id in request_ids)
        return {request_id: job for request_id, job in found if job is not None}

    def take_lease(self, job: Job, lease: Lease, *, at: datetime) -> Job:
        """See `JobStore.take_lease`."""
        taken = replace(job, version=job.version + 1, lease=stored_lease(lease))
        with self._lock:
            record = self._records.get(job.request_id)
            version, held = (record.version, record.lease) if record else (None, None)
            is_free = held is None or held.owner == lease.owner or held.until <= at
            if record is None or version != job.version or not is_free:
                raise lost_race(
                    job.request_id,
                    job.version,
                    version=version,
                    lease=held,
                    owner=lease.owner,
                    at=at,
                )
            # Only the lease is written: what the caller may have changed in memory is not.
            changed = replace(record, version=taken.version, lease=taken.lease)
            self._records[job.request_id] = changed
            self.writes += 1
        return taken

    def save(self, job: Job, *, lease: Lease | None) -> Job:
        """See `JobStore.save`. Raises RecordTooLargeError, too."""
        saved = replace(job, version=job.version + 1, lease=stored_lease(lease))
        with self._lock:
            record = self._records.get(job.request_id)
            version = record.version if record else None
            owner = record.lease.owner if record and record.lease else None
            if version != job.version or (job.lease is not None and job.lease.owner != owner):
                raise stale(job.request_id, job.version, version=version)
            self._write(saved)
        return saved

    def list_by_state(self, state: JobState, *, limit: int) -> list[JobSummary]:
        """See `JobStore.list_by_state`."""
        with self._lock:
            summaries = [record.summary for record in self._records.values()]
        of_state = [summary for summary in summaries if summary.state is state]
        return sorted(of_state, key=lambda one: one.updated_at, reverse=True)[:limit]

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """See `JobStore.unchanged_since`."""
        with self._lock:
            summaries = [record.summary for record in self._records.values()]
        old = [one for one in summaries if one.state is state and one.updated_at < moment]
        yield from sorted(old, key=lambda one: one.updated_at)

    def all_jobs(self) -> list[Job]:
        """Every job, in the order in which they were created."""
        with self._lock:
            records = list(self._records.values())
        return [record.read() for record in records]

    def lease_of(self, request_id: str) -> Lease | None:
        """Who holds a job now; None when nobody does, or there is no such job."""
        with self._lock:
            record = self._records.get(request_id)
        return None if record is None else record.lease

    def forget(self, request_id: str) -> None:
        """Removes a record, as the table's expiry does."""
        with self._lock:
            self._records.pop(request_id, None)

    def _write(self, job: Job) -> None:
        document = to_document(job)
        check_size(job, document)
        summary = JobSummary(
            request_id=job.request_id,
            state=job.state,
            workflow=job.workflow,
            updated_at=job.updated_at,
        )
        self._records[job.request_id] = _Record(document, job.version, job.lease, summary)
        self.writes += 1
