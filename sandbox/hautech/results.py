"""What a completed run leaves behind, and in which of many shapes its output says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.hautech.images import ImageRecord, ImageStore
from sandbox.hautech.pictures.studio import Drawing, Source
from sandbox.hautech.pipelines import Pipeline, Result
from sandbox.hautech.poses import PoseStore

_TITLES = {
    "full-naomi": "Full Naomi",
    "naomi": "Naomi Pipeline",
    "prepare-image": "Prepare Image",
    "prepare-pose": "Prepare Pose",
}
_DEFAULT_SIZE = (1024, 1024)


class Producer:
    """Makes the images and poses of completed pipelines."""

    def __init__(self, *, images: ImageStore, poses: PoseStore) -> None:
        self._images = images
        self._poses = poses

    def produce(self, pipeline: Pipeline, at: datetime) -> Result:
        """The records that a run ends with; their pictures are drawn when first asked for."""
        kind = pipeline.workflow.produces
        if kind == "literal":
            return Result(literal=pipeline.options.workflows[pipeline.workflow.id])
        if kind == "prepared-image":
            return Result(image_ids=(self._prepared_image(pipeline, at).id,))
        if kind == "pose":
            return self._pose(pipeline, at)
        copies = 2 if pipeline.options.output_shape == "kindMultiple" else 1
        return Result(
            image_ids=tuple(self._picture(pipeline, at, copy).id for copy in range(copies))
        )

    def _picture(self, pipeline: Pipeline, at: datetime, copy: int) -> ImageRecord:
        document, material = pipeline.input, pipeline.material
        width, height = material.size or _DEFAULT_SIZE
        seed = document.get("seed")
        drawing = Drawing(
            kind="model",
            title=_TITLES[pipeline.workflow.name],
            width=width,
            height=height,
            garment=_source(material.garment),
            pose=_source(material.pose_image),
            prompt=str(document.get("prompt", "")),
            label=str(document.get("label") or ""),
            is_human=document.get("isHuman") is True,
            seed=seed + copy if isinstance(seed, int) else copy or None,
        )
        return self._add(drawing, at)

    def _prepared_image(self, pipeline: Pipeline, at: datetime) -> ImageRecord:
        garment = pipeline.material.garment
        drawing = Drawing(
            kind="prepared-image",
            title=_TITLES[pipeline.workflow.name],
            width=_DEFAULT_SIZE[0] if garment is None else garment.width,
            height=_DEFAULT_SIZE[1] if garment is None else garment.height,
            garment=_source(garment),
            label=str(pipeline.input.get("label") or ""),
            is_human=pipeline.input.get("isHuman") is True,
        )
        return self._add(drawing, at)

    def _pose(self, pipeline: Pipeline, at: datetime) -> Result:
        pose_image = pipeline.material.pose_image
        width, height = pipeline.material.size or _DEFAULT_SIZE
        preview = self._add(
            Drawing(
                kind="pose-preview",
                title=_TITLES[pipeline.workflow.name],
                width=width,
                height=height,
                pose=_source(pose_image),
            ),
            at,
        )
        pose = self._poses.add(source=pose_image or preview, preview=preview, now=at)
        return Result(pose_id=pose.id)

    def _add(self, drawing: Drawing, at: datetime) -> ImageRecord:
        size = (drawing.width, drawing.height)
        return self._images.add(drawing, size=size, image_format="png", now=at)


def _source(image: ImageRecord | None) -> Source | None:
    return None if image is None else image.source


def output_document(pipeline: Pipeline, result: Result, *, link: Callable[[str], str]) -> Any:
    """The `output` of a completed pipeline, in the shape that its options ask for.

    Args:
        pipeline: the run.
        result: what it left behind.
        link: image id -> a fresh download link, for the shape that answers with one.
    """
    kind = pipeline.workflow.produces
    if kind == "literal":
        return result.literal
    if kind == "picture":
        return _picture_shape(pipeline, result.image_ids, link)
    if kind == "pose":
        key, value = "poseId", result.pose_id
    else:
        key, value = "preparedImageId", result.image_ids[0]
    shapes: dict[str, Any] = {
        "object": {key: value},
        "string": value,
        "data": {"data": {key: value}},
        "empty": {},
        "null": None,
    }
    return shapes[pipeline.options.prepared_shape]


def _picture_shape(
    pipeline: Pipeline, image_ids: tuple[str, ...], link: Callable[[str], str]
) -> Any:
    image_id = image_ids[0]
    shape = pipeline.options.output_shape
    if shape == "imageUrl":
        return {"imageUrl": link(image_id)}
    shapes: dict[str, Any] = {
        "object": {"imageId": image_id},
        "string": image_id,
        "kind": {"kind": "image/single", "imageId": image_id},
        "kindMultiple": {"kind": "image/multiple", "imageIds": list(image_ids)},
        "json": {"kind": "json", "data": {"imageId": image_id}},
        "images": {"images": [{"imageId": image_id}]},
        "list": [image_id],
        # Some templates echo what went in: an id that was sent is never the result.
        "echo": {**pipeline.input, "resultImageId": image_id},
        "empty": {},
        "null": None,
    }
    return shapes[shape]
