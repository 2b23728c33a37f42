"""A job as the JSON text that is stored, and back, without loss.

`version` and `lease` are not in the text: the store keeps them as fields of their own, since
its conditional writes compare them.

A field that this release does not know makes the whole record unreadable: to save it without that
field would take from a newer release what it decides by (which runs were paid for, say).
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from worker.errors import WorkerError
from worker.jobs.job import Job, Lease

_JOB: TypeAdapter[Job] = TypeAdapter(Job)


class JobDocumentError(WorkerError):
    """A stored job cannot be read by this release; the one that wrote it can."""


def to_document(job: Job) -> str:
    """The job as JSON text, without its version and lease."""
    bare = replace(job, version=0, lease=None)
    return _JOB.dump_json(bare, exclude_defaults=True).decode()


def from_document(text: str | bytes, *, version: int, lease: Lease | None) -> Job:
    """The job that `to_document` wrote.

    Raises JobDocumentError for anything else.
    """
    try:
        job = _JOB.validate_json(text, extra="forbid")
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise JobDocumentError(f"the stored job cannot be read: {where}") from error
    return replace(job, version=version, lease=lease)
