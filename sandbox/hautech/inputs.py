"""Checks the input of a run and gathers what its picture will be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.hautech.catalog import ASPECT_RATIOS, InputKind, Workflow
from sandbox.hautech.images import ImageRecord, ImageStore
from sandbox.hautech.poses import PoseRecord, PoseStore


@dataclass(frozen=True, slots=True)
class InputFault:
    """One thing wrong with an input.

    Attributes:
        code: the `errorCode` of the failed pipeline. The real codes are not published; ours
            must be treated as opaque, too.
        message: says which input.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Material:
    """What a run works with, looked up when it was submitted.

    Attributes:
        size: width and height in pixels of the picture; None if the input does not say.
        garment: the garment photo, raw or prepared.
        pose_image: the pose photo.
    """

    size: tuple[int, int] | None = None
    garment: ImageRecord | None = None
    pose_image: ImageRecord | None = None


def check_inputs(
    workflow: Workflow,
    document: Mapping[str, Any],
    *,
    images: ImageStore,
    poses: PoseStore,
    now: datetime,
) -> tuple[Material, tuple[InputFault, ...]]:
    """What the input refers to, and everything that is wrong with it.

    Unknown inputs are ignored, like unknown properties everywhere else in the API.
    """
    faults: list[InputFault] = []
    found: dict[str, ImageRecord | PoseRecord] = {}
    for name, kind in {**workflow.required, **workflow.optional}.items():
        value = document.get(name)
        if value is None:
            if name in workflow.required:
                faults.append(InputFault("INPUT_REQUIRED", f"{name} is required"))
            continue
        wrong = _wrong_type(name, kind, value)
        if wrong is not None:
            faults.append(wrong)
        elif kind == "imageId":
            image = images.find(value, now=now)
            if image is None:
                faults.append(InputFault("IMAGE_NOT_FOUND", f"{name}: image {value} not found"))
            else:
                found[name] = image
        elif kind == "poseId":
            pose = poses.find(value)
            if pose is None:
                faults.append(InputFault("POSE_NOT_FOUND", f"{name}: pose {value} not found"))
            else:
                found[name] = pose
    return _material(document, found, faulty=bool(faults)), tuple(faults)


def _wrong_type(name: str, kind: InputKind, value: Any) -> InputFault | None:
    if kind == "ratio":
        if isinstance(value, str) and value in ASPECT_RATIOS:
            return None
        known = ", ".join(ASPECT_RATIOS)
        return InputFault("INPUT_INVALID", f"{name} must be one of the following values: {known}")
    if kind == "boolean":
        fits, rule = isinstance(value, bool), "a boolean value"
    elif kind == "integer":
        fits = isinstance(value, int) and not isinstance(value, bool)
        rule = "an integer number"
    else:
        fits, rule = isinstance(value, str), "a string"
    return None if fits else InputFault("INPUT_INVALID", f"{name} must be {rule}")


def _material(
    document: Mapping[str, Any], found: Mapping[str, ImageRecord | PoseRecord], *, faulty: bool
) -> Material:
    if faulty:
        return Material()
    ratio = document.get("aspectRatio")
    size = ASPECT_RATIOS.get(ratio) if isinstance(ratio, str) else None
    garment, pose_image, pose = (
        found.get("imageId"),
        found.get("poseImageId"),
        found.get("poseId"),
    )
    if isinstance(pose, PoseRecord):
        size, pose_image = pose.size, pose.source_image
    return Material(
        size=size,
        garment=garment if isinstance(garment, ImageRecord) else None,
        pose_image=pose_image if isinstance(pose_image, ImageRecord) else None,
    )
