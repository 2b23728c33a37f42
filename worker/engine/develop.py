"""develop: a photo that cannot be sent as it is gets a turn in the photo lab.

    S3 object ─► spool ─► lab ─► JPEG or PNG in another, and what was changed
                           └───► nothing to change: the first itself

Only what the first look found reason for comes here. The object is in a file, so that its decoder
can go back and forth in it; both files share the room for all pictures on their way.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

import structlog

from worker.engine.rules import EngineRules
from worker.engine.world import HeldJob, World
from worker.errors import ImageError, ImageUnreadableError
from worker.jobs.photo_look import PhotoLook
from worker.ports.objects import Reader
from worker.ports.photos import DevelopedPhoto, PhotoLimits

log = structlog.get_logger(__name__)

_CHUNK_BYTES = 1024 * 1024

_BEGIN_S = 10.0
_PER_BYTE_S = 0.7e-6
_AT_MOST_S = 40.0
"""Time that must be left for a conversion and what follows it: what it takes with the third of a CPU
that a function of 512 MB has, and not more than a fresh invocation offers."""


@contextmanager
def developed(
    world: World,
    held: HeldJob,
    uri: str,
    look: PhotoLook,
    open_source: Callable[[], Reader],
    size_bytes: int,
) -> Iterator[DevelopedPhoto]:
    """The photo that was looked at, ready to be sent; `open_source` gives its bytes from the start.

    Its `changes` are empty when it can be sent as it is after all. Raises an ImageError that names
    the photo, or a passing error.
    """
    with ExitStack() as kept:
        with world.lab.turn(), ExitStack() as turn:
            needed_s = min(_AT_MOST_S, _BEGIN_S + _PER_BYTE_S * size_bytes)
            held.need(needed_s, "converting a photo")
            source = turn.enter_context(world.spools.spool())
            sink = kept.enter_context(world.spools.spool())
            _copy(open_source, source)
            photo = _through_the_lab(world, uri, look, source, sink)
            if photo is None:
                photo = _as_it_is(source, look)
                kept.push(turn.pop_all())  # it is what is sent
        if photo.changes:
            log.info(
                f"{uri} is converted: {'; '.join(photo.changes)}",
                action="photo_developed",
                uri=uri,
            )
        held.renew_if_short()  # it may have taken its time
        yield photo


def _copy(open_source: Callable[[], Reader], source: BinaryIO) -> None:
    """The whole object, to its end, where its checksum is compared."""
    body = open_source()
    try:
        shutil.copyfileobj(body, source)
    finally:
        body.close()


def _through_the_lab(
    world: World, uri: str, look: PhotoLook, source: BinaryIO, sink: BinaryIO
) -> DevelopedPhoto | None:
    try:
        return world.lab.develop(source, look.content_type, limits_of(world.rules), sink)
    except ImageError as error:
        raise type(error)(f"{uri}: {error.message}") from error


def limits_of(rules: EngineRules) -> PhotoLimits:
    """What the lab has to keep to."""
    return PhotoLimits(
        max_bytes=rules.image_max_bytes,
        max_side_px=rules.image_max_px,
        max_source_pixels=rules.source_max_pixels,
    )


def _digest(source: BinaryIO) -> str:
    source.seek(0)
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _as_it_is(source: BinaryIO, look: PhotoLook) -> DevelopedPhoto:
    if look.header is None:
        raise ImageUnreadableError(f"{look.content_type}: was not converted")
    return DevelopedPhoto(
        body=source,
        content_type=look.content_type,
        size_bytes=source.seek(0, 2),
        sha256=_digest(source),
        width_px=look.header.width_px,
        height_px=look.header.height_px,
        changes=(),
    )
