"""What people see in S3 of a photo that was dropped: its error document, and where the photo went.

    succeeded   sku.error.json is taken away            photo ─► processed/
    failed      sku.error.json says why, in plain words photo ─► failed/

All of it may be repeated, and none of it decides about a job: what cannot be written is told in the
log. What others have put at these places is never written over.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from worker.contracts.drop_error import DropError
from worker.contracts.drop_origin import DropOrigin, Marking, drop_of, drop_problems
from worker.contracts.readable import readable_document
from worker.contracts.s3_uri import S3Uri
from worker.engine.world import HeldJob, World
from worker.errors import OutputDamagedError, PermanentError, WorkerError
from worker.jobs.job import Job
from worker.ports.objects import ObjectInfo, Precondition

log = structlog.get_logger(__name__)

MARKER = "hautech-worker"
"""Metadata of an object that the worker made of a drop, with what it is."""

SOURCE = "hautech-worker-source"
"""Metadata of a photo that was put aside: a digest of where it lay."""

_OURS = (MARKER, "request-id")
_ERROR, _PHOTO = "error", "photo"

_METADATA_MAX_BYTES = 1_800
"""Source: S3 user guide, user-defined metadata: 2 KB of names and values."""


def is_ours(found: ObjectInfo) -> bool:
    """Whether the worker wrote an object: it is no drop, wherever it lies."""
    return any(name in found.metadata for name in _OURS)


def mark_end(world: World, held: HeldJob) -> None:
    """Show in S3 how the job of a dropped photo ended. Raises only StaleJobError.

    To be called between the event and the end of the record, so that a kill in between repeats it.
    """
    job = held.job
    drop = drop_of(job.request)
    if drop is None:
        return
    held.renew_if_short()
    try:
        if job.failure is None and drop.error is not None:
            take_error_away(world, S3Uri.parse(drop.error))
        elif job.failure is not None and drop.error is not None:
            write_error(world, S3Uri.parse(drop.error), _error_of(job, drop))
    except WorkerError as error:
        tell_trouble(drop.source, error)
    marking = drop.on_success if job.failure is None else drop.on_failure
    if marking is None:
        return
    for text in (drop.source, *drop.beside):
        held.renew_if_short()
        try:
            put_aside(world, S3Uri.parse(text), marking, etag=drop.etags.get(text))
        except WorkerError as error:
            tell_trouble(text, error)


def mark_refusal(world: World, body: str, error: PermanentError) -> None:
    """Leave the error document of a drop whose request was refused, if the message is one. Never raises."""
    document = readable_document(body) or {}
    drop = drop_of(document)
    rules = world.rules
    if drop is None or drop.error is None:
        return
    # Nobody has looked yet whether these places are on the lists: the request was refused.
    if drop_problems(document.get("origin"), rules.input_buckets, rules.output_buckets):
        return
    said = DropError(
        photo=drop.source,
        code=error.code,
        details=[error.message],
        rule=drop.rule,
        at=world.now(),
        request_id=_text_of(document, "requestId"),
    )
    try:
        write_error(world, S3Uri.parse(drop.error), said)
    except WorkerError as trouble:
        tell_trouble(drop.source, trouble)


def write_error(world: World, place: S3Uri, said: DropError) -> None:
    """Write an error document where nothing stands, or an error document. Raises what the store raises."""
    there = world.objects.head(place)
    if there is not None and there.metadata.get(MARKER) != _ERROR:
        log.warning(
            f"{place} is somebody else's, so it does not say what went wrong",
            action="drop_mark_failed",
        )
        return
    text = said.dumps().encode()
    sha256 = hashlib.sha256(text).hexdigest()
    if there is not None and there.sha256 == sha256:
        return  # said before: a bucket that keeps versions need not have one more
    world.objects.put(
        place,
        text,
        size_bytes=len(text),
        content_type="application/json",
        sha256=sha256,
        metadata={MARKER: _ERROR},
        only_if=Precondition(etag=there.etag if there else None),
    )
    log.info(f"{place} says what went wrong", action="drop_error_written", uri=str(place))


def put_aside(world: World, source: S3Uri, marking: Marking, *, etag: str | None = None) -> None:
    """Copy a photo into a folder, or move it there. Raises what the store raises.

    Moved is what was worked on: a photo that has taken its place in the meantime stays. `etag` tells
    it where the bucket keeps no versions.
    """
    folder = S3Uri.parse(marking.move_to or marking.copy_to or "")
    target = S3Uri(folder.bucket, folder.key + posixpath.basename(source.key))
    found = world.objects.head(source)
    if found is None or (etag is not None and found.etag != etag):
        log.info(f"{source} is not there any more, or another one is", action="drop_mark_skipped")
        return
    there = world.objects.head(target)
    marks = {MARKER: _PHOTO, SOURCE: _digest_of(source)}
    if there is not None and not marks.items() <= there.metadata.items():
        # Somebody's, a picture (ours, too, and paid for), or what was moved here from elsewhere.
        log.warning(
            f"{target} is another object, so {source} stays where it is", action="drop_mark_failed"
        )
        return
    world.objects.copy(
        source, target, content_type=found.content_type, metadata=_kept(found.metadata) | marks
    )
    if marking.move_to is not None:
        copied = world.objects.head(target)
        if copied is None or copied.size_bytes != found.size_bytes:
            raise OutputDamagedError(f"{target}: is not the copy of {source} that was made")
        world.objects.delete(S3Uri(source.bucket, source.key), etag=found.etag)
    done = "copied" if marking.move_to is None else "moved"
    log.info(f"{source} is {done} to {target}", action="drop_marked", uri=str(target))


def take_error_away(world: World, place: S3Uri) -> None:
    """Delete an error document, if one stands there. Raises what the store raises."""
    there = world.objects.head(place)
    if there is not None and there.metadata.get(MARKER) == _ERROR:
        world.objects.delete(place, etag=there.etag)


def _error_of(job: Job, drop: DropOrigin) -> DropError:
    failure = job.failure
    details: Sequence[str] = [failure.message] if failure else []
    return DropError(
        photo=drop.source,
        code=failure.code if failure else "",
        details=details,
        rule=drop.rule,
        at=job.updated_at,
        request_id=job.request_id,
    )


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata of the photo, as far as S3 takes it again and there is room for the marks."""
    kept = {name: value for name, value in metadata.items() if (name + value).isascii()}
    size_bytes = sum(len(name) + len(value) for name, value in kept.items())
    return kept if size_bytes <= _METADATA_MAX_BYTES else {}


def _digest_of(source: S3Uri) -> str:
    """Of a place, whatever version stands there (32 hex digits)."""
    return hashlib.sha256(f"{source.bucket}/{source.key}".encode()).hexdigest()[:32]


def _text_of(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None


def tell_trouble(source: str, error: WorkerError) -> None:
    """Say in the log that something cannot be told in S3."""
    log.warning(
        f"{source}: what people should see of it in S3 is not there: {error.message}",
        action="drop_mark_failed",
        uri=source,
    )
