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
from typing import NoReturn

from worker.contracts.s3_uri import S3Uri
from worker.engine.rules import EngineRules
from worker.engine.world import World
from worker.errors import ImageMissingError, ImageTooLargeError, ImageUnreadableError
from worker.jobs.images import HeaderIncompleteError, ImageHeader, NotAnImageError, read_header
from worker.jobs.job import Job
from worker.jobs.transitions import record_upload
from worker.ports import ImageUpload, ObjectStore, Reader

_HEAD_BYTES = 64 * 1024
_HEAD_BYTES_MAX = 8 * 1024 * 1024
"""EXIF, colour profiles and previews may push the size of a JPEG megabytes back."""


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
        head, header = _read_head(body, uri)
        _check_size(header, uri, world.rules)
        source = _Replayable(body, head, reopen=_reopen(world.objects, place, stored.etag, uri))
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
        expires_at=uploaded.expires_at,
        size_bytes=stored.size_bytes,
        width_px=header.width_px,
        height_px=header.height_px,
    )
    what = f"{header.content_type}, {header.width_px} × {header.height_px} px"
    because = f"{what}, {stored.size_bytes:,} bytes; Hautech image {uploaded.image_id}"
    return record_upload(job, known, because=because, at=world.now())


def _read_head(body: Reader, uri: str) -> tuple[bytes, ImageHeader]:
    head = b""
    wanted = _HEAD_BYTES
    while True:
        grown = head + _read_up_to(body, wanted - len(head))
        is_all = len(grown) < wanted
        head = grown
        try:
            return head, read_header(head)
        except NotAnImageError as error:
            _refuse(uri, head, str(error), error)
        except HeaderIncompleteError as error:
            if is_all or wanted >= _HEAD_BYTES_MAX:
                _refuse(uri, head, f"damaged header: {error}", error)
        wanted *= 4


def _read_up_to(body: Reader, size: int) -> bytes:
    buffer = io.BytesIO()
    while (missing := size - buffer.tell()) > 0 and (chunk := body.read(missing)):
        buffer.write(chunk)
    return buffer.getvalue()


def _refuse(uri: str, head: bytes, why: str, error: Exception) -> NoReturn:
    begins = head[:8].hex(" ") or "nothing: the object is empty"
    raise ImageUnreadableError(
        f"{uri}: begins with {begins}: must be a PNG, JPEG or WebP image ({why})"
    ) from error


def _check_size(header: ImageHeader, uri: str, rules: EngineRules) -> None:
    if max(header.width_px, header.height_px) > rules.image_max_px:
        raise ImageTooLargeError(
            f"{uri}: {header.width_px} × {header.height_px} px: no side may be longer than "
            f"{rules.image_max_px} px (WORKER_IMAGE_MAX_PIXELS)"
        )
    if min(header.width_px, header.height_px) < 1:
        raise ImageUnreadableError(f"{uri}: {header.width_px} × {header.height_px} px: is empty")


def _reopen(objects: ObjectStore, place: S3Uri, etag: str, uri: str) -> Callable[[], Reader]:
    def open_again() -> Reader:
        again = objects.open(place)
        if again.etag != etag:
            again.body.close()
            raise ImageMissingError(f"{uri}: was replaced while it was being uploaded (send again)")
        return again.body

    return open_again


class _Replayable:
    """Gives the bytes from the start each time: the first time from what is already open."""

    def __init__(self, body: Reader, head: bytes, *, reopen: Callable[[], Reader]) -> None:
        self._first: Reader | None = _Prefixed(head, body)
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
