"""upload: one image goes from S3 to Hautech as a stream, its header checked on the way.

             head (kept)     rest (flows)
S3 object  |████████████|------------------►|
           size and format are read here; a restart opens the object again
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable
from dataclasses import replace

from worker.contracts.s3_uri import S3Uri
from worker.engine.rules import EngineRules
from worker.engine.world import World
from worker.errors import ImageTooLargeError, ImageUnreadableError, UnavailableError
from worker.jobs.images import INPUT_TYPES, ImageHeader, NotAnImageError, read_head
from worker.jobs.job import Job
from worker.jobs.transitions import record_upload
from worker.ports import ImageUpload, ObjectStore, Reader

_DRAIN_BYTES = 256 * 1024


def upload_image(world: World, job: Job, uri: str) -> Job:
    """The job, with that image known to Hautech. Nothing is saved here: repeating is harmless.

    Raises an ImageError that says what is wrong with the image, or a passing error.
    """
    place = S3Uri.parse(uri)
    stored = world.objects.open(place)
    body = stored.body
    try:
        if stored.size_bytes > world.rules.image_max_bytes:
            raise ImageTooLargeError(
                f"{uri}: {stored.size_bytes:,} bytes: an image may have at most "
                f"{world.rules.image_max_bytes:,} (WORKER_IMAGE_MAX_BYTES)"
            )
        head, header = _check_image(body, uri, world.rules)
        source = _source(body, head, reopen=_reopen(world.objects, place, stored.etag, uri))
        uploaded = world.hautech.upload(
            ImageUpload(
                open=source.open,
                filename=posixpath.basename(place.key) or "image",
                content_type=header.content_type,
                size_bytes=stored.size_bytes,
            )
        )
    finally:
        body.close()
    known = replace(
        job.image(uri),
        image_id=uploaded.image_id,
        uploaded_at=world.now(),
        expires_at=uploaded.expires_at,
        size_bytes=stored.size_bytes,
        width_px=header.width_px,
        height_px=header.height_px,
    )
    what = f"{header.content_type}, {header.width_px} × {header.height_px} px"
    because = f"{what}, {stored.size_bytes:,} bytes; Hautech image {uploaded.image_id}"
    return record_upload(job, known, because=because, at=world.now())


def _check_image(body: Reader, uri: str, rules: EngineRules) -> tuple[bytes | None, ImageHeader]:
    """The head of an image that Hautech takes, unless it is long. Raises ImageUnreadableError, ImageTooLargeError."""
    try:
        head, header = read_head(body.read)
    except NotAnImageError as error:
        # At the end of the body its checksum is compared: damaged on its way is not unreadable.
        while body.read(_DRAIN_BYTES):
            pass
        begins = error.head.hex(" ") or "nothing: the object is empty"
        raise ImageUnreadableError(
            f"{uri}: begins with {begins}: must be a PNG, JPEG or WebP image ({error})"
        ) from error
    if header.content_type not in INPUT_TYPES:
        raise ImageUnreadableError(
            f"{uri}: {header.content_type}: must be a PNG, JPEG or WebP image (convert it)"
        )
    if max(header.width_px, header.height_px) > rules.image_max_px:
        raise ImageTooLargeError(
            f"{uri}: {header.width_px} × {header.height_px} px: no side may be longer than "
            f"{rules.image_max_px} px (WORKER_IMAGE_MAX_PIXELS)"
        )
    if min(header.width_px, header.height_px) < 1:
        raise ImageUnreadableError(f"{uri}: {header.width_px} × {header.height_px} px: is empty")
    return head, header


def _reopen(objects: ObjectStore, place: S3Uri, etag: str, uri: str) -> Callable[[], Reader]:
    def open_again() -> Reader:
        again = objects.open(place)
        if again.etag != etag:
            again.body.close()
            raise UnavailableError(f"{uri}: was replaced while it was being uploaded")
        return again.body

    return open_again


def _source(body: Reader, head: bytes | None, *, reopen: Callable[[], Reader]) -> _Replayable:
    if head is None:  # too long to be kept: it is read once more
        body.close()
        return _Replayable(None, reopen=reopen)
    return _Replayable(_Prefixed(head, body), reopen=reopen)


class _Replayable:
    """Gives the bytes from the start each time: the first time from what is already open, if it is."""

    def __init__(self, first: Reader | None, *, reopen: Callable[[], Reader]) -> None:
        self._first = first
        self._reopen = reopen

    def open(self) -> Reader:
        first, self._first = self._first, None
        return first if first is not None else self._reopen()


class _Prefixed:
    """The head that was read, then the rest of the stream."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = io.BytesIO(head)
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self._head.read() + self._rest.read()
        return self._head.read(size) or self._rest.read(size)

    def close(self) -> None:
        self._rest.close()
