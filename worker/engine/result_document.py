"""The result document beside the pictures; a later verdict's is never replaced by an earlier one's.

    worker A   verdict 1 ──── put ~ ~ ~ ~ ~ ~ frozen ~ ~ ~ ~ ~ ~►  refused: something stands there
    worker B        takes over: put 1 ── redriven ── verdict 2: put 2

A put says what it expects to replace, and S3 does nothing if something else is there by then.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import structlog

from worker.contracts.result import ResultEvent
from worker.contracts.s3_uri import S3Uri
from worker.engine.storing import (
    NOTHING,
    as_document,
    marks_of,
    options_of,
    owner_of,
)
from worker.engine.world import HeldJob, World
from worker.errors import ObjectChangedError, OutputForbiddenError, UnavailableError
from worker.jobs.job import Job
from worker.jobs.object_marks import ACCEPTED_AT
from worker.jobs.output_keys import document_aside_key, document_key
from worker.ports.objects import ObjectInfo, Precondition

log = structlog.get_logger(__name__)

_REDRIVES = "redrives"
"""Metadata of the object that tells, after `ACCEPTED_AT`, which of two verdicts is the later one."""


def write_document(world: World, held: HeldJob, event: ResultEvent) -> None:
    """Write the document of a settled job, unless it stands there already, or a later one does.

    Where an object of somebody else stands, it goes to `<requestId>.result.json`; where one stands
    there, too, the event alone says how the job ended. Raises a passing error. That the place may not
    be written is one, too, after a success: the event must not go out before its document. After a
    failure it goes out without.
    """
    job = held.job
    place = S3Uri.parse(job.output_uri)
    text = event.data.dumps().encode()
    try:
        for key in (document_key, document_aside_key):
            target = S3Uri(place.bucket, key(place.key, job.request_id))
            if _write(world, held, target, text):
                return
    except OutputForbiddenError as error:
        if job.failure is None:
            # The outputs were written, so the place was writable a moment ago: the verdict stands.
            raise UnavailableError(error.message) from error
        why = error.message
    else:
        why = f"objects of others stand at {target} and beside it"
    log.warning(
        "the result document cannot be written; the event says the same",
        action="document_skipped",
        error=why,
    )


def _write(world: World, held: HeldJob, target: S3Uri, text: bytes) -> bool:
    """Whether the document, or a later one, stands there now; False: an object of somebody else."""
    try:
        # Nearly always the place is empty, so no call is spent on looking first.
        _put(world, held.job, target, text, NOTHING)
    except ObjectChangedError:
        return _replace(world, held, target, text)
    return True


def _replace(world: World, held: HeldJob, target: S3Uri, text: bytes) -> bool:
    job = held.job
    found = world.objects.head(target)
    if found is not None and owner_of(found) != job.request_id:
        log.warning(
            f"{target} is left as it is: it is an object of somebody else",
            action="document_displaced",
            uri=str(target),
        )
        return False
    if found is not None and found.sha256 == _sha256(text):
        return True
    if found is not None and _verdict_of(found) > (job.accepted_at, job.redrives):
        log.warning(
            "the result document is left as it is: it tells of a later verdict about this request",
            action="document_outdated",
            uri=str(target),
        )
        return True
    # The put before may have been what this worker was frozen in.
    held.renew_if_short()
    _put(world, job, target, text, Precondition(etag=found.etag if found else None))
    return True


def _put(world: World, job: Job, target: S3Uri, text: bytes, only_if: Precondition) -> None:
    world.objects.put(
        target,
        text,
        size_bytes=len(text),
        content_type="application/json",
        sha256=_sha256(text),
        metadata={**marks_of(job), _REDRIVES: str(job.redrives)},
        only_if=only_if,
        options=as_document(options_of(job)),
    )


def _verdict_of(found: ObjectInfo) -> tuple[datetime, int]:
    """When the job was accepted and how often it was redriven; long ago where that is not said."""
    try:
        accepted_at = datetime.fromisoformat(found.metadata[ACCEPTED_AT])
        return accepted_at.astimezone(UTC), int(found.metadata[_REDRIVES])
    except (KeyError, ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC), 0


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
