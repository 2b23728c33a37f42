"""What lies in the bucket now of a drop: the photo, the others of its group, its sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from worker.contracts.s3_uri import S3Uri
from worker.drops.planning import Photo
from worker.drops.rule_set import Match
from worker.drops.sidecars import MAX_SIDECAR_BYTES, Sidecar, SidecarError, read_sidecar
from worker.engine.world import World
from worker.errors import (
    CredentialsRefusedError,
    ImageForbiddenError,
    ImageMissingError,
    OutputForbiddenError,
)
from worker.jobs.object_marks import is_ours
from worker.ports.objects import ObjectInfo

log = structlog.get_logger(__name__)

_KEYS_MOST = 10_000
"""Keys that are looked through for the photos of one group."""

_BESIDE_MOST = 1_000
"""Keys that are looked through for a sidecar: all that is called like the photo, up to the dot."""


def photos_of(world: World, match: Match) -> list[Photo] | None:
    """What lies in the bucket now of a drop; None (and a line in the log) if it is none."""
    bucket = match.bucket
    dropped = _photo(world, bucket, match.key, is_told=True)
    if dropped is None:
        return None
    if match.part is None:
        return [dropped]
    keys = world.objects.list_keys(bucket, match.siblings_prefix, limit=_KEYS_MOST)
    if len(keys) == _KEYS_MOST:
        log.warning(
            f"only the first {_KEYS_MOST:,} keys that begin like {match.siblings_prefix} are "
            "looked through for photos that belong together",
            action="drop_folder_large",
        )
    others = [key for key in keys if key != match.key and match.belongs(key)]
    found = [_photo(world, bucket, key) for key in others]
    return [dropped, *(photo for photo in found if photo is not None)]


def is_drop(world: World, bucket: str, key: str) -> bool:
    """Whether something lies there now that people or their programs have put there."""
    place = S3Uri(bucket, key)
    return not _why_ignored(world.objects.head(place), place)


def _photo(world: World, bucket: str, key: str, *, is_told: bool = False) -> Photo | None:
    place = S3Uri(bucket, key)
    found = world.objects.head(place)
    reason = _why_ignored(found, place)
    if found is None or reason:
        if is_told:
            log.info(f"ignored: {reason}", action="drop_ignored")
        return None
    return Photo(bucket=bucket, key=key, version_id=found.version_id, etag=found.etag)


def sidecar_of(world: World, match: Match) -> Sidecar | SidecarError | None:
    """What was read beside a photo, or the error of reading it; None if nothing lies there."""
    beside = [
        key
        for stem in match.sidecar_stems
        for key in world.objects.list_keys(match.bucket, f"{stem}.", limit=_BESIDE_MOST)
    ]
    for key in match.sidecars_among(beside):
        try:
            stored = world.objects.open(S3Uri(match.bucket, key))
        except ImageMissingError:
            continue  # taken away since it was listed
        try:
            text = stored.body.read(MAX_SIDECAR_BYTES + 1)
        finally:
            stored.body.close()
        try:
            return read_sidecar(key, text)
        except SidecarError as error:
            return SidecarError(error.problems, key)
    return None


def place_of(photo: Photo) -> S3Uri:
    """The object, and the version of it."""
    return S3Uri(photo.bucket, photo.key, photo.version_id)


@contextmanager
def looking() -> Iterator[None]:
    """What may not be looked at is nobody's photo's fault: it waits for who grants permissions."""
    try:
        yield
    except (OutputForbiddenError, ImageForbiddenError) as error:
        raise CredentialsRefusedError(error.message) from error


def _why_ignored(found: ObjectInfo | None, place: S3Uri) -> str:
    """Why an object is no drop; "" if it is one."""
    if found is None:
        return "it is not there any more"
    if found.size_bytes == 0:
        return "a file without a single byte"
    if is_ours(found.metadata, place):
        return "the worker wrote it itself"
    return ""
