"""The durable records of jobs: one per job, changed only by guarded writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.jobs.job import Job, JobState, Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """One line about a job, for lists."""

    request_id: str
    state: JobState
    workflow: str
    updated_at: datetime


class JobStore(Protocol):
    """The durable records: one per job, changed only by guarded writes.

    Implementations must recognise the echo of their own retried write (the SDK may repeat a
    conditional write that had already taken effect): that is a success, not a lost race.
    """

    def create(self, job: Job) -> Job | None:
        """Store a new job, with its lease if it has one, as version 1.

        Returns None when it was stored; else the job that already has this request id, untouched.
        """

    def load(self, request_id: str) -> Job | None:
        """The job as last saved (strongly consistent), or None."""

    def load_many(self, request_ids: Sequence[str]) -> dict[str, Job]:
        """Those of these jobs that are there, by their ids (eventually consistent)."""

    def take_lease(self, job: Job, lease: Lease, *, at: datetime) -> Job:
        """Hold the job, if it is unchanged since `job` was read and nobody else holds it.

        A lease whose `until` is not after `at` is over. Returns the job with the new lease and
        version. Raises LeaseHeldError when another owner holds it, StaleJobError when the
        record changed or vanished.
        """

    def save(self, job: Job, *, lease: Lease | None) -> Job:
        """Store the job, if its version is unchanged and its lease is still `job.lease`'s owner's.

        `lease` is what stands in the record afterwards: a longer term for the same owner, or
        None to release it. Returns the job with its new version and lease. Raises StaleJobError
        when the record changed, vanished, or belongs to another owner.
        """

    def list_by_state(self, state: JobState, *, limit: int) -> list[JobSummary]:
        """The most recently changed jobs in that state, newest first (eventually consistent)."""

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """The jobs in that state that last changed before `moment`, oldest change first.

        Read lazily, page by page (eventually consistent): a job that changes meanwhile may still
        come up, so load it before anything is done about it.
        """
