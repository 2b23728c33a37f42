"""What every job store does the same way, whatever it writes to: checks, times, size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from worker.errors import LeaseHeldError, LostRaceError, RecordTooLargeError, StaleJobError
from worker.jobs.document import to_document
from worker.jobs.job import Job, Lease

RECORD_LIMIT_BYTES = 400 * 1024
"""Source: DynamoDB quotas, item size (names and values together)."""

_FIELDS_BYTES = 2048
"""Room for everything in an item but the document: some fields of known lengths and two names."""


_ROOM_BYTES = 144 * 1024
"""For what every job adds: its history (32 KiB), what a workflow gave (32 KiB, once more in the
event), its metadata in the event (16 KiB), what was changed in its photos (7 KiB, and 8 KiB
in the event), and some small things."""

_ROOM_PER_IMAGE_BYTES = 445
"""For what an upload adds: an id of up to 140 characters (Hautech's have 36), two times, three
numbers, its digest."""


def check_room(job: Job) -> None:
    """Raises RecordTooLargeError for a new job whose record could not hold how it goes on.

    Later it could fail only after something was paid, or not even say that it failed.
    """
    room_bytes = _ROOM_BYTES + _ROOM_PER_IMAGE_BYTES * len(job.images)
    most_bytes = RECORD_LIMIT_BYTES - room_bytes
    size_bytes = len(to_document(job).encode()) + _FIELDS_BYTES
    if size_bytes > most_bytes:
        raise RecordTooLargeError(
            f"job {job.request_id}: its record would begin with {size_bytes} bytes, and "
            f"{max(0, most_bytes)} are the most that leaves room for how the job goes on: send less "
            "input, fewer images or shorter keys"
        )


def check_size(job: Job, document: str) -> None:
    """Raises RecordTooLargeError for a record that DynamoDB would not take."""
    size_bytes = len(document.encode()) + _FIELDS_BYTES
    if size_bytes > RECORD_LIMIT_BYTES:
        raise RecordTooLargeError(
            f"job {job.request_id}: its record would have {size_bytes} bytes, and DynamoDB stores at "
            f"most {RECORD_LIMIT_BYTES}: send less input and metadata, or look for a workflow output "
            "that is not ids but data"
        )


def to_epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_epoch_ms(epoch_ms: int) -> datetime:
    """The moment, aware UTC."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored_lease(lease: Lease | None) -> Lease | None:
    """The lease as it comes back from a store, which keeps whole milliseconds."""
    return lease and replace(lease, until=from_epoch_ms(to_epoch_ms(lease.until)))


def lost_race(
    request_id: str,
    expected_version: int,
    *,
    version: int | None,
    lease: Lease | None,
    owner: str,
    at: datetime,
) -> LostRaceError:
    """Why `owner` could not take the lease of a record that has this version and lease now.

    A live lease of somebody else says when to come back, so it is told even if the record changed
    as well. `version` None means that the record is gone.
    """
    if version is not None and lease and lease.owner != owner and lease.until > at:
        return LeaseHeldError(lease.until)
    return stale(request_id, expected_version, version=version)


def stale(request_id: str, expected_version: int, *, version: int | None) -> StaleJobError:
    """The record is not the one that was read."""
    now = "it is gone" if version is None else f"it is at version {version} now"
    return StaleJobError(
        f"job {request_id}: the record changed since version {expected_version} was read ({now}), "
        "or it belongs to another worker"
    )
