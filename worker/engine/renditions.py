"""Smaller copies of a picture, beside it: made in the photo lab, stored and checked as it was.

They are an addition to what was paid for: one that cannot be made is told in the log and left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import structlog

from worker.contracts.output_options import OutputOptions, Rendition
from worker.contracts.result import RenditionOutput
from worker.contracts.s3_uri import S3Uri
from worker.engine.storing import Content, as_picture, store, verify
from worker.engine.world import HeldJob, World
from worker.errors import ImageError
from worker.jobs.output_keys import rendition_key
from worker.ports.photos import ReducedPicture, Reduction

log = structlog.get_logger(__name__)

_REDUCE_S = 10.0
"""Time that must be left to begin with one."""


def make_renditions(
    world: World,
    held: HeldJob,
    options: OutputOptions,
    picture: S3Uri,
    content: Content,
    *,
    tried: int = 0,
) -> Iterator[RenditionOutput | None]:
    """Write each rendition that was asked for of the stored picture, whose bytes `content` has.

    Those that were `tried` before are passed over. One that cannot be made is None.
    Raises a passing error, OutputForbiddenError or OutputTakenError.
    """
    for wanted in options.renditions[tried:]:
        held.need(_REDUCE_S, "a smaller copy of a picture")
        reduced = _reduced(world, wanted, picture, content)
        if reduced is None:
            yield None
            continue
        held.renew_if_short()  # it may have waited for its turn
        yield _stored(world, held, options, wanted, picture, reduced)


def _reduced(
    world: World, wanted: Rendition, picture: S3Uri, content: Content
) -> ReducedPicture | None:
    reduction = Reduction(format=wanted.format, width_px=wanted.width, quality=wanted.quality)
    try:
        with world.lab.turn():
            source = cast("BinaryIO", content.body)
            return world.lab.reduce(source, content.content_type, reduction)
    except ImageError as error:
        log.warning(
            f"{picture}: a rendition {wanted.width} px wide cannot be made: {error.message}",
            action="rendition_skipped",
            uri=str(picture),
        )
        return None


def _stored(
    world: World,
    held: HeldJob,
    options: OutputOptions,
    wanted: Rendition,
    picture: S3Uri,
    reduced: ReducedPicture,
) -> RenditionOutput:
    key = rendition_key(picture.key, wanted.width, wanted.extension)
    content = Content(
        body=reduced.data,
        size_bytes=len(reduced.data),
        content_type=reduced.content_type,
        sha256=hashlib.sha256(reduced.data).hexdigest(),
        options=as_picture(options),
    )
    stored = store(world, held, S3Uri(picture.bucket, key), content)
    verify(world, stored.uri, content)
    return RenditionOutput(
        uri=str(stored.uri),
        content_type=content.content_type,
        bytes=content.size_bytes,
        width=reduced.width_px,
        height=reduced.height_px,
        sha256=content.sha256,
    )
