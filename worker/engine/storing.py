"""Objects of a job at their places in S3; what stands there of somebody else is never replaced.

    put if nothing is there ─┬─ nothing was ────────────────► stored
                             └─ something: whose is it? ─┬─ ours ──────► replaced, if it still is that
                                                         └─ another's ─► put beside it instead

S3 decides at the moment of the write, so two that write at once cannot both think they were first.
A lost answer to our own put looks the same as somebody's object, until it is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import structlog

from worker.contracts.output_options import OutputOptions
from worker.contracts.result import InsteadOf
from worker.contracts.s3_uri import S3Uri
from worker.engine.world import HeldJob, World
from worker.errors import (
    CredentialsRefusedError,
    ObjectChangedError,
    OutputDamagedError,
    OutputForbiddenError,
    OutputTakenError,
)
from worker.jobs.job import Job
from worker.jobs.object_marks import ACCEPTED_AT, REQUEST_ID
from worker.jobs.output_keys import aside_key, known_keys
from worker.ports.objects import AS_USUAL, ObjectInfo, Precondition, StoringOptions

log = structlog.get_logger(__name__)

NOTHING = Precondition(etag=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is to be stored; a file is read from its beginning."""

    body: BinaryIO | bytes
    size_bytes: int
    content_type: str
    sha256: str
    options: StoringOptions = AS_USUAL

    def is_in(self, found: ObjectInfo) -> bool:
        """Whether an object has these bytes, as far as can be told without reading it."""
        return (found.size_bytes, found.sha256) == (self.size_bytes, self.sha256)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an object was put, and, if that is beside its place, what stands there."""

    uri: S3Uri
    instead_of: InsteadOf | None = None


def marks_of(job: Job) -> dict[str, str]:
    """The metadata that tells a job's objects from those of others."""
    return {REQUEST_ID: job.request_id, ACCEPTED_AT: job.accepted_at.isoformat()}


def owner_of(found: ObjectInfo) -> str | None:
    """The request that an object was made for; None for an object of somebody else."""
    return found.metadata.get(REQUEST_ID)


def options_of(job: Job) -> OutputOptions:
    """How the request wants its objects stored."""
    return OutputOptions.model_validate(job.request.get("outputOptions") or {})


def as_picture(options: OutputOptions) -> StoringOptions:
    """How pictures are stored."""
    return StoringOptions(
        cache_control=options.cache_control,
        tags=options.tags,
        kms_key_id=options.kms_key_id,
        storage_class=options.storage_class,
    )


def as_document(options: OutputOptions) -> StoringOptions:
    """How the result document is stored: it changes, and is small and read at once."""
    return StoringOptions(tags=options.tags, kms_key_id=options.kms_key_id)


def refuse_if_taken(world: World, job: Job) -> None:
    """Raise OutputTakenError when another's object stands at a key of a job that cost nothing yet.

    One look a key, and only where it is known before there is a picture. It saves the price of a
    picture that could not stand where it was asked for; that nothing is overwritten does not depend
    on it.
    """
    if job.may_have_cost:
        return
    bucket = S3Uri.parse(job.output_uri).bucket
    for key in known_keys(job):
        target = S3Uri(bucket, key)
        try:
            found = world.objects.head(target)
        except OutputForbiddenError:
            # Without s3:ListBucket S3 answers so for what is not there, too. The put will tell.
            return
        if found is not None and owner_of(found) != job.request_id:
            raise OutputTakenError(
                f"{_whose(target, found)}, and nothing is overwritten: choose another output, or "
                "move that object away (nothing is paid)"
            )


def store(world: World, held: HeldJob, target: S3Uri, content: Content) -> Stored:
    """Put an object of the job where it belongs, or beside it where another's object stands.

    Raises OutputTakenError when there, too, stands something of somebody else; the errors of
    `ObjectStore.put`; or StaleJobError.
    """
    taken = _put_as_ours(world, held, target, content)
    if taken is None:
        return Stored(target)
    beside = S3Uri(target.bucket, aside_key(target.key, held.job.request_id))
    log.warning(
        f"{_whose(target, taken)}, and is left alone: the picture goes to {beside}",
        action="output_displaced",
        uri=str(target),
    )
    held.renew_if_short()  # the look at what stands there may be what this worker was frozen in
    again = _put_as_ours(world, held, beside, content)
    if again is not None:
        raise OutputTakenError(
            f"{_whose(target, taken)}, and {_whose(beside, again)}: move one of them away, then "
            "redrive the job; its picture is collected again and not paid again"
        )
    return Stored(beside, InsteadOf(uri=str(target), request_id=owner_of(taken)))


def verify(world: World, target: S3Uri, content: Content) -> None:
    """Raise OutputDamagedError unless the object is there, whole."""
    stored = _look(world, target)
    if stored is None:
        raise OutputDamagedError(f"{target}: was written and is not there")
    if not content.is_in(stored):
        raise OutputDamagedError(
            f"{target}: holds {stored.size_bytes:,} bytes with SHA-256 {stored.sha256}, "
            f"not the {content.size_bytes:,} bytes with {content.sha256} that were written"
        )


def _put_as_ours(world: World, held: HeldJob, target: S3Uri, content: Content) -> ObjectInfo | None:
    """Write it there, and return None; or what of somebody else stands there."""
    try:
        _put(world, held.job, target, content, NOTHING)
    except ObjectChangedError:
        found = _look(world, target)
        if found is None:
            raise  # somebody takes it away, or writes at this moment
    else:
        return None
    if owner_of(found) != held.job.request_id:
        return found
    is_done = found.metadata.get(ACCEPTED_AT) == held.job.accepted_at.isoformat()
    if not (is_done and content.is_in(found)):
        # Whoever was frozen until now may not replace what the next worker has written.
        held.renew_if_short()
        _put(world, held.job, target, content, Precondition(etag=found.etag))
    return None


def _put(world: World, job: Job, target: S3Uri, content: Content, only_if: Precondition) -> None:
    world.objects.put(
        target,
        content.body,
        size_bytes=content.size_bytes,
        content_type=content.content_type,
        sha256=content.sha256,
        metadata=marks_of(job),
        only_if=only_if,
        options=content.options,
    )


def _look(world: World, target: S3Uri) -> ObjectInfo | None:
    try:
        return world.objects.head(target)
    except OutputForbiddenError as error:
        # The place was written to a moment ago, and a HEAD's 403 has no body that says why: the
        # clock, the credentials, or s3:GetObject. None of them is this job's fault, and it is paid.
        raise CredentialsRefusedError(error.message) from error


def _whose(target: S3Uri, found: ObjectInfo) -> str:
    owner = owner_of(found)
    of = f"of request {owner}" if owner else "that no request of a worker made"
    return f"at {target} stands an object {of}"
