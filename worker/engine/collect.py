"""collect: the finished pictures go from Hautech to S3, and are seen to be there, whole.

Many pictures with many renditions take longer than a Lambda function may. So what is in S3 is kept in
the job, which an interruption or trouble saves anyway, and the next visit goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import structlog

from worker.contracts.result import Output, VariantResult
from worker.contracts.s3_uri import S3Uri
from worker.engine.late_parts import make_renditions
from worker.engine.rules import EngineRules
from worker.engine.storing import Content, as_picture, options_of, store, verify
from worker.engine.variants import variant_results
from worker.engine.world import HeldJob, World
from worker.errors import (
    NoOutputError,
    OutputDamagedError,
    OutputUnusableError,
)
from worker.hautech.outputs import ImageRef, find_images
from worker.jobs.images import ImageHeader, NotAnImageError, read_head
from worker.jobs.job import CollectedPicture, Failure, Job, JsonObject, Step, StepState
from worker.jobs.output_keys import picture_key
from worker.jobs.outputs import whole_text
from worker.jobs.plan import CUSTOM_STEP, sent_ids
from worker.jobs.transitions import keep_collected
from worker.ports.generation import DownloadedPicture

log = structlog.get_logger(__name__)

_COLLECT_S = 10.0
"""Time that must be left to begin with a picture."""


_PICTURES_MAX = 100
"""Workflows give one picture, or a handful. Thousands are an answer gone wrong."""

_DOUBTS = 2
"""So many times an unusable output is not believed."""


@dataclass(frozen=True, slots=True)
class Collected:
    """The pictures in S3, in order, and how each variant ended, if there are any."""

    outputs: tuple[Output, ...] = ()
    variants: tuple[VariantResult, ...] = ()


def collect(world: World, held: HeldJob) -> Collected:
    """Write every output picture of a completed job to S3 and verify it there.

    Raises NoOutputError, OutputUnusableError, OutputForbiddenError or OutputTakenError, which fail
    the job, or a passing error. A variant whose picture is unusable fails alone, if another one is not.
    Repeating it writes the same bytes to the same keys.
    """
    variants = held.job.variants()
    if not variants:
        return Collected(tuple(_collect_step(world, held, held.job.steps[-1])))
    outputs: list[Output] = []
    places: dict[str, tuple[int, ...]] = {}
    unusable: dict[str, OutputUnusableError] = {}
    for step in variants:
        if step.state is not StepState.COMPLETED:
            continue
        try:
            stored = _collect_step(world, held, step)
        except OutputUnusableError as error:
            unusable[step.name] = error
            continue
        places[step.name] = tuple(range(len(outputs), len(outputs) + len(stored)))
        outputs += stored
    if unusable and not outputs:
        raise next(iter(unusable.values()))
    failures = {name: Failure.of(error, "collect") for name, error in unusable.items()}
    return Collected(tuple(outputs), variant_results(held.job, places, failures, None))


def _collect_step(world: World, held: HeldJob, step: Step) -> list[Output]:
    pictures = _pictures(world, held.job, step)
    if len(pictures) > _PICTURES_MAX:
        raise OutputUnusableError(
            f"Hautech's output names {len(pictures):,} pictures: at most {_PICTURES_MAX} are collected"
        )
    return [
        _collect_one(world, held, step, picture, index, len(pictures))
        for index, picture in enumerate(pictures)
    ]


def result_ids(job: Job) -> dict[str, Any]:
    """What the steps gave beside pictures: `poseId`, `preparedImageId`, or a custom output."""
    found: dict[str, Any] = {}
    for step in job.steps:
        if step.name in {"prepare-pose", "prepare-image"} and isinstance(step.output, dict):
            found.update(step.output)
        elif step.name == CUSTOM_STEP and step.output is not None:
            found["output"] = step.output
    return found


def _pictures(world: World, job: Job, last: Step) -> tuple[ImageRef, ...]:
    if last.name == "prepare-pose":
        return ()  # A pose is a record, not a picture: its id is the result.
    if last.name == "prepare-image":
        return (ImageRef(image_id=last.output["preparedImageId"]),)
    pictures = find_images(last.output, sent_ids=sent_ids(job))
    if not pictures and (last.name != CUSTOM_STEP or last.output is None):
        pipeline_id = last.pipeline.pipeline_id if last.pipeline else "?"
        raise NoOutputError(
            f"pipeline {pipeline_id} (step {last.name}) completed without an image: "
            f"its output is {whole_text(str(last.output), 200)}"
        )
    if last.pipeline and not all(picture.image_id for picture in pictures):
        # The record keeps links without what opens them, so they are asked for again.
        fresh = world.hautech.read_pipeline(last.pipeline.pipeline_id).output
        return find_images(fresh, sent_ids=sent_ids(job))
    return pictures


def _collect_one(
    world: World, held: HeldJob, step: Step, picture: ImageRef, index: int, count: int
) -> Output:
    """The picture and its renditions in S3; those that are there already are left as they are."""
    options = options_of(held.job)
    known = held.job.collected_picture(step.name, index)
    if known is not None and known.renditions_tried >= len(options.renditions):
        return Output.model_validate(known.output)
    held.need(_COLLECT_S, "collecting an output")
    held.renew_if_short()
    with world.spools.spool() as sink:
        got, header = _fetch(world, held.job, picture, sink)
        content = Content(
            body=sink,
            size_bytes=got.size_bytes,
            content_type=got.content_type,
            sha256=got.sha256,
            options=as_picture(options),
        )
        held.renew_if_short()  # a download may have taken minutes
        if known is None or known.output["sha256"] != got.sha256:
            key = picture_key(held.job, index, count, got.content_type, of=step)
            output = _stored(world, held, key, content, header, picture)
            known = CollectedPicture(step=step.name, index=index, output=_as_json(output))
            held.job = keep_collected(held.job, known)
        output = Output.model_validate(known.output)
        tried = known.renditions_tried
        place = S3Uri.parse(output.uri)
        for made in make_renditions(world, held, options, place, content, tried=tried):
            renditions = output.renditions if made is None else (*output.renditions, made)
            output, tried = output.model_copy(update={"renditions": renditions}), tried + 1
            known = replace(known, output=_as_json(output), renditions_tried=tried)
            held.job = keep_collected(held.job, known)
    return output


def _stored(
    world: World,
    held: HeldJob,
    key: str,
    content: Content,
    header: ImageHeader,
    picture: ImageRef,
) -> Output:
    bucket = S3Uri.parse(held.job.output_uri).bucket
    stored = store(world, held, S3Uri(bucket, key), content)
    verify(world, stored.uri, content)
    log.info(f"output is in {stored.uri}", action="output_stored", uri=str(stored.uri))
    return Output(
        uri=str(stored.uri),
        content_type=content.content_type,
        bytes=content.size_bytes,
        width=header.width_px,
        height=header.height_px,
        sha256=content.sha256,
        image_id=picture.image_id,
        instead_of=stored.instead_of,
    )


def _as_json(output: Output) -> JsonObject:
    document: JsonObject = output.model_dump(mode="json", by_alias=True)
    return document


def _fetch(
    world: World, job: Job, picture: ImageRef, sink: BinaryIO
) -> tuple[DownloadedPicture, ImageHeader]:
    """The picture and what its header says.

    What is unusable is asked for again before a paid job fails for it: a body that was damaged on
    its way looks the same.
    """
    try:
        got = world.hautech.download(picture, sink)
        return got, _header(sink, picture, world.rules)
    except OutputUnusableError as error:
        if job.failures >= _DOUBTS:
            raise
        raise OutputDamagedError(f"{error.message}; asking for it again") from error


def _header(sink: BinaryIO, picture: ImageRef, rules: EngineRules) -> ImageHeader:
    sink.seek(0)
    try:
        _, header = read_head(sink.read)
    except NotAnImageError as error:
        raise OutputUnusableError(f"Hautech's output {picture!r} is no image: {error}") from error
    size = f"{header.width_px} × {header.height_px} px"
    if min(header.width_px, header.height_px) < 1:
        raise OutputUnusableError(f"Hautech's output {picture!r} is empty: {size}")
    if header.width_px * header.height_px > rules.output_max_pixels:
        raise OutputUnusableError(
            f"Hautech's output {picture!r} is absurdly large: {size}, at most "
            f"{rules.output_max_pixels:,} pixels in all are taken"
        )
    return header
