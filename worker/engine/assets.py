"""assets: an image that is at Hautech already is used as it is; one that is not is uploaded for all.

                 ┌─ there ─────────────────────────────────────► its id, nothing is sent
    by place ────┼─ claimed by another job ────────────────────► the message comes back in a moment
    (HEAD only)  └─ nothing: claimed by us ─► by content ─┬─ there ──► its id, for this place, too
                                              (SHA-256)   └─ nothing ─► uploaded, told to all

A cache that cannot be asked stops an upload for a while, as an unreachable job table would: nothing is
paid yet. What it cannot be told is lost on the next job, so that is no reason to stop.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from worker.contracts.s3_uri import S3Uri
from worker.engine.upload import (
    FromStart,
    ReadyPhoto,
    ready_photo,
    refuse_if_replaced,
    send,
    upload_image,
)
from worker.engine.world import HeldJob, World
from worker.errors import HeldBackError, PermanentError, WorkerError
from worker.jobs.assets import Asset, AssetKind, Claim
from worker.jobs.job import Job
from worker.jobs.keys import claim_owner, content_key, place_key
from worker.jobs.sharing import share_image
from worker.jobs.transitions import record_upload

log = structlog.get_logger(__name__)

_UPLOAD_CLAIM: Final = timedelta(seconds=120)
"""Longer than an upload takes. A worker that is killed meanwhile holds the others up for so long."""

_AGAIN_S: Final = 2.0
_SPREAD_S: Final = 3.0

_CHUNK_BYTES: Final = 1024 * 1024


class ClaimedError(HeldBackError):
    """Another job is making what this one needs."""


def bring_image(world: World, held: HeldJob, uri: str, *, waits: bool) -> None:
    """Let the held job know one of its images at Hautech. Repeating is harmless.

    Raises an ImageError, a passing error, or ClaimedError while another job uploads the same; a job
    that does not wait uploads it, too.
    """
    etag = _etag(world, uri)
    if etag is None:
        _upload_for_itself(world, held, uri)
        return
    refuse_if_replaced(held.job, uri, etag)
    key = _key_at(world, S3Uri.parse(uri), etag)
    there = look_or_claim(world, held.job, key, AssetKind.UPLOAD, for_=_UPLOAD_CLAIM)
    if isinstance(there, Asset):
        _use(world, held, uri, there)
    elif there is not None and not waits:
        _upload_for_itself(world, held, uri)
    elif there is not None:
        spread_s = world.random.uniform(0.0, _SPREAD_S)
        raise ClaimedError(f"{uri}: another job is uploading it", retry_after_s=_AGAIN_S + spread_s)
    else:
        try:
            _upload_for_all(world, held, uri, key)
        except Exception:
            release(world, held.job, key)
            raise


def look_or_claim(
    world: World, job: Job, key: str, kind: AssetKind, *, for_: timedelta
) -> Asset | Claim | None:
    """What is there for this job: an asset, another job's claim, or nothing, and it is ours to make."""
    owner, at = claim_owner(job), world.now()
    # What vanished was dropped just now, which only a claim is certain to see.
    there = None if job.renewals else world.assets.look(key, at=at)
    if there is None or (isinstance(there, Claim) and there.owner == owner):
        claim = Claim(kind=kind, owner=owner, since=at, until=at + for_)
        return world.assets.claim(key, claim, at=at)
    return there


def share(world: World, key: str, asset: Asset) -> None:
    """Tell all jobs of an asset. Never raises for the cache's trouble."""
    _quietly(lambda: world.assets.publish(key, asset, at=world.now()), "told of", key)


def release(world: World, job: Job, key: str) -> None:
    """Let others make what this job does not. Never raises for the cache's trouble."""
    owner = claim_owner(job)
    _quietly(lambda: world.assets.release(key, owner, at=world.now()), "released", key)


def drop_image(world: World, uri: str, sha256: str, image_id: str) -> None:
    """Forget an image that vanished at Hautech, under each key that leads to it."""
    etag = _etag(world, uri)
    keys = [content_key(world.hautech.account(), sha256)]
    if etag is not None:
        keys.append(_key_at(world, S3Uri.parse(uri), etag))
    for key in keys:
        world.assets.drop(key, image_id, at=world.now())


def _quietly(tell: Callable[[], None], what: str, key: str) -> None:
    try:
        tell()
    except WorkerError as error:
        log.warning(f"{key} was not {what}: {error.message}", action="asset_not_shared")


def _etag(world: World, uri: str) -> str | None:
    """What lies there now; None when nothing is to be reused, or to be seen."""
    if not world.rules.reuses:
        return None
    try:
        info = world.objects.head(S3Uri.parse(uri))
    except PermanentError:
        return None  # reading it says what is wrong, in words about an image
    return info.etag if info else None


def _key_at(world: World, place: S3Uri, etag: str) -> str:
    version = place.version_id or etag
    return place_key(world.hautech.account(), place.bucket, place.key, version)


def _use(world: World, held: HeldJob, uri: str, asset: Asset) -> None:
    said = f"reused: Hautech image {asset.value}, uploaded {asset.made_at:%Y-%m-%d %H:%M:%S} UTC"
    _note(world, held, uri, asset, because=said, reused=True)
    log.info(f"{uri} is at Hautech already", action="image_reused")


def _upload_for_itself(world: World, held: HeldJob, uri: str) -> None:
    held.job = upload_image(world, held, uri)
    log.info(f"{uri} is at Hautech", action="image_uploaded")


def _upload_for_all(world: World, held: HeldJob, uri: str, key: str) -> None:
    place = S3Uri.parse(uri)
    with ready_photo(world, held, uri) as photo, _digested(world, photo) as sent:
        same = content_key(world.hautech.account(), sent.sha256)
        there = None if held.job.renewals else world.assets.look(same, at=world.now())
        # Another object may lie there by now: what is sent is what counts.
        key_now = _key_at(world, place, photo.etag)
        if isinstance(there, Asset):
            # Its bytes are those of another photo, which may have become the same in another way.
            there = replace(there, details={**there.details, "changes": list(sent.changes)})
            _use(world, held, uri, there)
            share(world, key_now, there)
        else:
            asset = _uploaded(world, sent)
            what = f"{sent.description}; Hautech image {asset.value}"
            _note(world, held, uri, asset, because=what, reused=False)
            share(world, same, asset)
            share(world, key_now, asset)
            log.info(f"{uri} is at Hautech", action="image_uploaded")
    if key_now != key:
        release(world, held.job, key)


def _uploaded(world: World, sent: ReadyPhoto) -> Asset:
    uploaded = send(world, sent)
    return Asset(
        kind=AssetKind.UPLOAD,
        value=uploaded.image_id,
        made_at=world.now(),
        expires_at=uploaded.expires_at,
        details={
            "sha256": sent.sha256,
            "sizeBytes": sent.size_bytes,
            "widthPx": sent.width_px,
            "heightPx": sent.height_px,
            "changes": list(sent.changes),
        },
    )


def _note(
    world: World,
    held: HeldJob,
    uri: str,
    asset: Asset,
    *,
    because: str,
    reused: bool,
) -> None:
    details: dict[str, Any] = asset.details
    known = replace(
        held.job.image(uri),
        image_id=asset.value,
        uploaded_at=asset.made_at,
        expires_at=asset.expires_at,
        size_bytes=details["sizeBytes"],
        width_px=details["widthPx"],
        height_px=details["heightPx"],
    )
    changes = tuple(details["changes"])
    job = record_upload(held.job, known, because=because, changes=changes, at=world.now())
    held.job = share_image(job, known, sha256=details["sha256"], reused=reused)


@contextmanager
def _digested(world: World, photo: ReadyPhoto) -> Iterator[ReadyPhoto]:
    """The photo with the SHA-256 of its bytes: one that was to flow through lies in a file for that."""
    if photo.sha256:
        yield photo
        return
    with world.spools.spool() as spool:
        digest = hashlib.sha256()
        body = photo.open()
        try:
            while chunk := body.read(_CHUNK_BYTES):
                digest.update(chunk)
                spool.write(chunk)
        finally:
            body.close()
        yield replace(photo, open=lambda: FromStart(spool), sha256=digest.hexdigest())
