"""Brings what a job left behind into the demo's folder and makes its report of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from sandbox.demo import timeline
from sandbox.demo.photos import Photo, Photos
from sandbox.demo.report import JobReport, Picture
from sandbox.demo.requests import DemoRequest
from sandbox.local import LocalStack
from sandbox.stack_user import StackUser
from worker.jobs.job import Job
from worker.runtime.commands.wording import size

PHOTOS, PICTURES = "photos", "pictures"
_TIMEOUT_S = (5, 30)


def copy_photos(photos: Photos, folder: Path) -> dict[str, Picture]:
    """Puts the input photos beside the contact sheet; by role, `garment` and `pose`.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / PHOTOS).mkdir(parents=True, exist_ok=True)
    return {
        role: _copy_photo(role, photo, folder)
        for role, photo in (("garment", photos.garment), ("pose", photos.pose))
    }


def job_report(
    stack: LocalStack,
    request: DemoRequest,
    job: Job | None,
    event: dict[str, Any] | None,
    *,
    sent_at: datetime,
    inputs: dict[str, Picture],
    folder: Path,
) -> JobReport:
    """The report of one job; its pictures are saved into the folder."""
    data = (event or {}).get("data") or {}
    (folder / PICTURES).mkdir(parents=True, exist_ok=True)
    outputs = [save_output(stack, output, folder) for output in data.get("outputs") or ()]
    pose_id = (data.get("result") or {}).get("poseId")
    if pose_id and not outputs:
        outputs += _save_preview(stack, str(pose_id), request.request_id, folder)
    return JobReport(
        title=request.title,
        explanation=request.explanation,
        request=request.message,
        event=event,
        inputs=tuple(inputs[role] for role in request.uses),
        outputs=tuple(outputs),
        rows=timeline.rows(job, sent_at) if job else (),
        moments=timeline.moments(job, sent_at) if job else (),
        duration_s=timeline.duration_s(job, sent_at) if job else 0.0,
    )


def _copy_photo(role: str, photo: Photo, folder: Path) -> Picture:
    file = f"{PHOTOS}/{role}{photo.extension}"
    content = photo.path.read_bytes()  # first: the photo may be the very file from last time
    (folder / file).write_bytes(content)
    return Picture(
        file=file,
        caption=f"{role.capitalize()} photo",
        note=_note(photo.width, photo.height, len(content)),
        width=photo.width,
        height=photo.height,
    )


def save_output(stack: StackUser, output: dict[str, Any], folder: Path) -> Picture:
    """Puts a picture of an event beside the contact sheet."""
    name = str(output["uri"]).rsplit("/", 1)[-1]
    content = stack.read(str(output["uri"]))
    (folder / PICTURES / name).write_bytes(content)
    return Picture(
        file=f"{PICTURES}/{name}",
        caption=name,
        note=_note(output["width"], output["height"], len(content)),
        width=output["width"],
        height=output["height"],
    )


def _save_preview(stack: LocalStack, pose_id: str, name: str, folder: Path) -> list[Picture]:
    """The picture that Hautech keeps of a prepared pose (Source: PoseEntity, `previewImage`)."""
    with requests.Session() as session:
        session.trust_env = False  # loopback only: a proxy would not find it
        pose = session.get(
            f"{stack.api_url}/v1/poses/{pose_id}",
            headers={"Authorization": f"Bearer {stack.credentials.api_token}"},
            timeout=_TIMEOUT_S,
        )
        pose.raise_for_status()
        preview = pose.json().get("previewImage")
        if not preview:
            return []
        image = session.get(preview["url"], timeout=_TIMEOUT_S)
        image.raise_for_status()
    file = f"{PICTURES}/{name}-preview.png"
    (folder / file).write_bytes(image.content)
    width, height = int(preview["width"]), int(preview["height"])
    return [
        Picture(
            file=file,
            caption="Preview of the pose",
            note=_note(width, height, len(image.content)),
            width=width,
            height=height,
        )
    ]


def _note(width: int, height: int, size_bytes: int) -> str:
    return f"{width} × {height}, {size(size_bytes)}"
