"""What people see in S3 of a photo that was dropped: its error document, and where the photo went.

    succeeded   sku.error.json is taken away            photo ─► processed/
    failed      sku.error.json says why, in plain words photo ─► failed/

All of it may be repeated, and none of it decides about a job: what cannot be written is told in the
log. Where something else stands than what this photo has left there before, nothing is written over:
a photo goes beside it, and an error document is only told in the log.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import structlog

from worker.contracts.drop_error import DropError
from worker.contracts.drop_origin import DropOrigin, Marking, drop_of, drop_problems
from worker.contracts.readable import readable_document
from worker.contracts.s3_uri import S3Uri
from worker.engine.world import HeldJob, World
from worker.errors import (
    ObjectChangedError,
    OutputDamagedError,
    OutputTakenError,
    PermanentError,
    WorkerError,
)
from worker.jobs.job import Job
from worker.jobs.object_marks import ERROR, MARKER, copy_marks, is_copy, source_mark
from worker.jobs.output_keys import aside_key
from worker.ports.objects import ObjectInfo, Precondition

log = structlog.get_logger(__name__)

_ASIDE_DIGITS: Final = 12
_ENDING: Final = ".error.json"
_ERROR_MAX_BYTES: Final = 256 * 1024


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
            take_error_away(world, S3Uri.parse(drop.error), drop)
        elif job.failure is not None and drop.error is not None:
            said = _error_of(job, drop)
            write_error(world, S3Uri.parse(drop.error), said, others=drop.beside)
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
        write_error(world, S3Uri.parse(drop.error), said, others=drop.beside)
    except WorkerError as trouble:
        tell_trouble(drop.source, trouble)


def write_error(
    world: World, place: S3Uri, said: DropError, *, others: Collection[str] = ()
) -> None:
    """Write an error document where nothing stands, or an error document. Raises what the store raises.

    One about another photo (`sku.png` beside `sku.jpg`) stays, and this one gets a longer name: see
    `_longer`. `others` are the photos of its group, which it speaks for, too.
    """
    there = world.objects.head(place)
    if there is not None and there.metadata.get(MARKER) == ERROR:
        _, photo = _photo_in(world, place)
        ours = {_without_version(one) for one in (said.photo, *others)}
        if photo is not None and photo not in ours:
            place = _longer(place, said.photo)
            there = world.objects.head(place)
    if there is not None and there.metadata.get(MARKER) != ERROR:
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
        metadata={MARKER: ERROR},
        only_if=Precondition(etag=there.etag if there else None),
    )
    log.info(f"{place} says what went wrong", action="drop_error_written", uri=str(place))


def put_aside(world: World, source: S3Uri, marking: Marking, *, etag: str | None = None) -> None:
    """Copy a photo into a folder, or move it there. Raises what the store raises, or OutputTakenError.

    Moved is what was worked on: a photo that has taken its place in the meantime stays. `etag` tells
    it where the bucket keeps no versions.
    """
    folder = S3Uri.parse(marking.move_to or marking.copy_to or "")
    found = world.objects.head(source)
    if found is None or (etag is not None and found.etag != etag):
        log.info(f"{source} is not there any more, or another one is", action="drop_mark_skipped")
        return
    mark = source_mark(source, version_id=found.version_id, etag=found.etag)
    target = S3Uri(folder.bucket, folder.key + posixpath.basename(source.key))
    place = _copy(world, source, found, mark, target)
    if marking.move_to is not None:
        copied = world.objects.head(place)
        # S3 has copied it only where nothing stood. Somebody may still have put something over it.
        if copied is None or not is_copy(copied.metadata, mark):
            raise OutputDamagedError(f"{place}: is not the copy of {source} that was made")
        if copied.size_bytes != found.size_bytes:
            raise OutputDamagedError(f"{place}: is not as large as {source}, which it is a copy of")
        world.objects.delete(
            S3Uri(source.bucket, source.key), etag=found.etag, version_id=found.version_id
        )
    done = "copied" if marking.move_to is None else "moved"
    log.info(f"{source} is {done} to {place}", action="drop_marked", uri=str(place))


def _copy(world: World, source: S3Uri, found: ObjectInfo, mark: str, target: S3Uri) -> S3Uri:
    """Where a copy of the photo stands now: at its place, or beside what else stands there.

    One that a repetition finds is the same: it is not made again. Raises OutputTakenError if beside
    it, too, stands something else.
    """
    beside = S3Uri(target.bucket, aside_key(target.key, mark[:_ASIDE_DIGITS]))
    for place in (target, beside):
        try:
            world.objects.copy(
                source,
                place,
                content_type=found.content_type,
                metadata=copy_marks(found.metadata, mark, place),
            )
        except ObjectChangedError:
            there = world.objects.head(place)
            if there is None:
                raise  # somebody takes it away, or writes at this moment
            if not is_copy(there.metadata, mark):
                continue
        return place
    raise OutputTakenError(f"at {target} and at {beside} stands something else")


def take_error_away(world: World, place: S3Uri, drop: DropOrigin) -> None:
    """Delete an error document, if one about this photo stands there. Raises what the store raises."""
    ours = {_without_version(one) for one in (drop.source, *drop.beside)}
    for one in (place, _longer(place, drop.source)):
        there = world.objects.head(one)
        if there is None or there.metadata.get(MARKER) != ERROR:
            continue
        etag, photo = _photo_in(world, one)
        if photo in ours:
            world.objects.delete(one, etag=etag)


def _longer(place: S3Uri, photo: str) -> S3Uri:
    """Where an error document goes whose usual place speaks of another photo: `sku.jpg.error.json`.

    `place` is `sku.error.json`, with a number or a word of our own between, which stays.
    """
    folder, name = posixpath.split(place.key)
    extension = posixpath.splitext(S3Uri.parse(photo).key)[1]
    stem = name.removesuffix(_ENDING)
    return S3Uri(place.bucket, posixpath.join(folder, f"{stem}{extension}{_ENDING}"))


def _photo_in(world: World, place: S3Uri) -> tuple[str, str | None]:
    """The ETag of an error document, and the photo that it is about, whatever its version was."""
    stored = world.objects.open(place)
    try:
        text = stored.body.read(_ERROR_MAX_BYTES)
    finally:
        stored.body.close()
    try:
        said = json.loads(text)
    except ValueError:
        return stored.etag, None
    photo = _text_of(said, "photo") if isinstance(said, dict) else None
    return stored.etag, None if photo is None else _without_version(photo)


def _without_version(text: str) -> str:
    return text.partition("?versionId=")[0]


def _error_of(job: Job, drop: DropOrigin) -> DropError:
    failure = job.failure
    details: Sequence[str] = [failure.message] if failure else []
    return DropError(
        photo=drop.source,
        code=failure.code if failure else "",
        stage=failure.stage if failure else "",
        details=details,
        rule=drop.rule,
        at=job.updated_at,
        request_id=job.request_id,
    )


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
