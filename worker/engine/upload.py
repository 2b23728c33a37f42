"""upload: one photo goes from S3 to Hautech: as a stream when it is clean, else through the lab.

             head (kept)     rest (flows)
S3 object  |████████████|------------------►|
           what it is, and whether it can be sent as it is, is read here

    clean ───────► the stream itself; a restart opens the object again
    not clean ───► `develop`: a JPEG or PNG made of it, and what was changed
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO

from worker.contracts.drop_origin import drop_of
from worker.contracts.s3_uri import S3Uri
from worker.engine.late_parts import developed
from worker.engine.rules import EngineRules
from worker.engine.world import HeldJob, World
from worker.errors import (
    ImageMissingError,
    ImageTooLargeError,
    ImageUnreadableError,
    UnavailableError,
)
from worker.jobs.images import ImageHeader, NotAnImageError
from worker.jobs.job import Job
from worker.jobs.photo_look import TAKEN, PhotoLook, look_at
from worker.jobs.transitions import record_upload
from worker.ports.generation import ImageUpload, UploadedImage
from worker.ports.objects import ObjectStore, Reader, StoredObject

_DRAIN_BYTES = 256 * 1024
_EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPhoto:
    """What goes to Hautech of an object in S3."""

    etag: str
    """Of the object that it was made of."""

    open: Callable[[], Reader]
    filename: str
    content_type: str
    size_bytes: int
    width_px: int
    height_px: int
    changes: tuple[str, ...] = ()
    sha256: str = ""
    """Of the bytes; "" while they have not been read."""

    @property
    def description(self) -> str:
        """What kind of picture it is, for people."""
        size = f"{self.width_px} × {self.height_px} px"
        return f"{self.content_type}, {size}, {self.size_bytes:,} bytes"


def upload_image(world: World, held: HeldJob, uri: str) -> Job:
    """The job, with that image known to Hautech. Repeating is harmless.

    Raises an ImageError that says what is wrong with the image, or a passing error.
    """
    with ready_photo(world, held, uri) as photo:
        uploaded = send(world, photo)
    known = replace(
        held.job.image(uri),
        image_id=uploaded.image_id,
        uploaded_at=world.now(),
        expires_at=uploaded.expires_at,
        size_bytes=photo.size_bytes,
        width_px=photo.width_px,
        height_px=photo.height_px,
    )
    because = f"{photo.description}; Hautech image {uploaded.image_id}"
    return record_upload(held.job, known, because=because, changes=photo.changes, at=world.now())


@contextmanager
def ready_photo(world: World, held: HeldJob, uri: str) -> Iterator[ReadyPhoto]:
    """A photo in S3, ready to be sent. Raises an ImageError that names it, or a passing error."""
    place = S3Uri.parse(uri)
    stored = world.objects.open(place)
    try:
        refuse_if_replaced(held.job, uri, stored.etag)
        with _made_ready(world, held, place, stored) as photo:
            yield photo
    finally:
        stored.body.close()


def refuse_if_replaced(job: Job, uri: str, etag: str) -> None:
    """Raise ImageMissingError if the job is about a dropped photo whose place another one has taken.

    That one has a request of its own: this job would pay for the same picture once more.
    """
    drop = drop_of(job.request)
    expected = drop.etags.get(uri) if drop else None
    if expected is not None and etag != expected:
        raise ImageMissingError(
            f"{uri}: another photo has taken its place since it was dropped, and gets a picture of its "
            "own (nothing is paid for this one; keep versions of the bucket on to get both)"
        )


def send(world: World, photo: ReadyPhoto) -> UploadedImage:
    """Bring a photo to Hautech."""
    return world.hautech.upload(
        ImageUpload(
            open=photo.open,
            filename=photo.filename,
            content_type=photo.content_type,
            size_bytes=photo.size_bytes,
        )
    )


@contextmanager
def _made_ready(
    world: World, held: HeldJob, place: S3Uri, stored: StoredObject
) -> Iterator[ReadyPhoto]:
    """What is sent of a photo. Raises ImageUnreadableError, ImageTooLargeError."""
    uri, rules = str(place), world.rules
    if stored.size_bytes > rules.source_max_bytes:
        raise ImageTooLargeError(
            f"{uri}: {stored.size_bytes:,} bytes: a photo may have at most "
            f"{rules.source_max_bytes:,} (WORKER_SOURCE_MAX_BYTES)"
        )
    look = _look_at(stored.body, uri)
    filename = posixpath.basename(place.key) or "image"
    header = look.header
    again = _reopen(world.objects, place, stored.etag, uri)
    source = _source(stored.body, look.head, reopen=again)
    if header is not None and _is_clean(look, header, stored.size_bytes, rules):
        yield ReadyPhoto(
            etag=stored.etag,
            open=source.open,
            filename=filename,
            content_type=header.content_type,
            size_bytes=stored.size_bytes,
            width_px=header.width_px,
            height_px=header.height_px,
        )
        return
    with developed(world, held, uri, look, source.open, stored.size_bytes) as photo:
        if photo.changes:
            filename = posixpath.splitext(filename)[0] + _EXTENSIONS[photo.content_type]
        yield ReadyPhoto(
            etag=stored.etag,
            open=lambda: FromStart(photo.body),
            filename=filename,
            content_type=photo.content_type,
            size_bytes=photo.size_bytes,
            width_px=photo.width_px,
            height_px=photo.height_px,
            changes=photo.changes,
            sha256=photo.sha256,
        )


def _is_clean(look: PhotoLook, header: ImageHeader, size_bytes: int, rules: EngineRules) -> bool:
    """Whether the bytes can go to Hautech as they are."""
    return (
        not look.marks
        and size_bytes <= rules.image_max_bytes
        and min(header.width_px, header.height_px) >= 1
        and max(header.width_px, header.height_px) <= rules.image_max_px
    )


def _look_at(body: Reader, uri: str) -> PhotoLook:
    try:
        return look_at(body.read)
    except NotAnImageError as error:
        # At the end of the body its checksum is compared: damaged on its way is not unreadable.
        while body.read(_DRAIN_BYTES):
            pass
        begins = error.head.hex(" ") or "nothing: the object is empty"
        raise ImageUnreadableError(
            f"{uri}: begins with {begins}: must be a {TAKEN} image ({error})"
        ) from error


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


class FromStart:
    """A file read from its start, which others close."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """See `Reader.read`."""
        return self._file.read(size)

    def close(self) -> None:
        """See `Reader.close`. Whoever made the file closes it."""
