"""Hautech as a world in memory: uploads, paid runs that take their time, pictures to download.

Time comes from the clock that is handed in. What can go wrong at Hautech itself is set on the
world (`keeps_metadata`, `list_lag_s`, `failures`, …); lost answers and crashes are made by wrapping
the port.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, BinaryIO
from uuid import NAMESPACE_URL, uuid5

from worker.adapters.memory.pictures import draw_png
from worker.contracts.workflows import WORKFLOWS
from worker.errors import (
    AnswerUnknownError,
    HautechRefusedError,
    NotThereError,
    OutOfFundsError,
    OutputDamagedError,
    OutputUnusableError,
    PipelineLostError,
    UnavailableError,
)
from worker.hautech.outputs import ImageRef
from worker.jobs.job import JsonObject
from worker.ports.clock import Clock
from worker.ports.generation import (
    DownloadedPicture,
    ImageUpload,
    PipelineReport,
    PipelineStatus,
    RunSummary,
    UploadedImage,
)

PICTURE_HOST = "https://pictures.hautech.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryImage:
    """A picture that this Hautech has."""

    data: bytes
    content_type: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRun:
    """One pipeline, and so one payment."""

    pipeline_id: str
    workflow_id: str
    input: JsonObject
    metadata: JsonObject
    """As it was sent, whether this Hautech keeps it or not."""
    created_at: datetime
    ends_at: datetime
    output: Any
    failure: tuple[str, str] | None
    """Error code and message of a run that fails."""


class MemoryHautech:
    """The ImageGeneration port in memory, safe for threads.

    Args:
        clock: the time at Hautech.
        duration_s: how long a pipeline is pending; `durations_s` has others by workflow id.
    """

    def __init__(self, clock: Clock, *, duration_s: float = 5.0) -> None:
        self.duration_s = duration_s
        self.durations_s: dict[str, float] = {}
        self.keeps_metadata = True
        """Whether lists show the metadata that a run was sent with."""
        self.list_lag_s = 0.0
        """How long a new pipeline is missing from the list."""
        self.image_ttl_s: float | None = None
        """How long an upload is kept; None means for good."""
        self.failures: dict[str, tuple[str, str]] = {}
        """Error code and message, by workflow id, of runs that fail from now on."""
        self.failing_seeds: set[int] = set()
        """Seeds with which a run fails from now on."""
        self.unanswered_seeds: set[int] = set()
        """Seeds with which a call is never answered, and starts nothing."""
        self.checks_input_at_once = False
        """Whether bad input is refused instead of making the run fail."""
        self.cut_downloads = 0
        """How many of the next downloads break off halfway."""
        self.output_of: Callable[[JsonObject, Any], Any] | None = None
        """Changes the output of a run: it gets the input and the usual output."""
        self.price = Decimal("0.04375")
        self.balance = Decimal(100)
        self.runs: list[MemoryRun] = []
        """Every run that was paid, oldest first."""
        self.uploads = 0
        self.account_name = "memory"
        self._clock = clock
        self._lock = Lock()
        self._ids = 0
        self._images: dict[str, MemoryImage] = {}
        self._poses: set[str] = set()

    def runs_with(self, text: str) -> list[MemoryRun]:
        """The runs whose metadata contain `text` (a submission key or request id, say)."""
        return [run for run in self.runs if text in json.dumps(run.metadata)]

    def add_image(self, data: bytes, content_type: str = "image/png") -> str:
        """Puts an image there as if it had been uploaded; returns its id."""
        with self._lock:
            return self._keep(MemoryImage(data=data, content_type=content_type))

    def add_pose(self) -> str:
        """Puts a prepared pose there; returns its id."""
        with self._lock:
            pose_id = self._new_id("pose")
            self._poses.add(pose_id)
        return pose_id

    def forget(self, one_id: str) -> None:
        """An image or a pose vanishes, before its time."""
        with self._lock:
            self._images.pop(one_id, None)
            self._poses.discard(one_id)

    def forget_poses(self) -> None:
        """All poses vanish."""
        with self._lock:
            self._poses.clear()

    def upload(self, image: ImageUpload) -> UploadedImage:
        """See `ImageGeneration.upload`."""
        reader = image.open()
        try:
            data = reader.read()
        finally:
            reader.close()
        if len(data) != image.size_bytes:
            raise UnavailableError(
                f"upload of {image.filename}: {len(data)} bytes instead of {image.size_bytes}"
            )
        expires_at = None
        if self.image_ttl_s is not None:
            expires_at = self._clock.now() + timedelta(seconds=self.image_ttl_s)
        kept = MemoryImage(data=data, content_type=image.content_type, expires_at=expires_at)
        with self._lock:
            self.uploads += 1
            return UploadedImage(image_id=self._keep(kept), expires_at=expires_at)

    def sign_in(self) -> None:
        """See `ImageGeneration.sign_in`: nobody asks who we are here."""

    def account(self) -> str:
        """See `ImageGeneration.account`."""
        return self.account_name

    def run(self, workflow_id: str, workflow_input: JsonObject, metadata: JsonObject) -> str:
        """See `ImageGeneration.run`. Raises OutOfFundsError when the balance is used up."""
        now = self._clock.now()
        with self._lock:
            if self.balance <= 0:
                raise OutOfFundsError(f"the balance is {self.balance}: top up the account")
            if workflow_input.get("seed") in self.unanswered_seeds:
                raise AnswerUnknownError("read timed out")
            bad_input = self._bad_input(workflow_input, now)
            if bad_input and self.checks_input_at_once:
                raise HautechRefusedError(": ".join(bad_input))
            failure = self.failures.get(workflow_id) or bad_input
            if workflow_input.get("seed") in self.failing_seeds:
                failure = ("UNLUCKY_SEED", f"nothing came of seed {workflow_input['seed']}")
            duration_s = self.durations_s.get(workflow_id, self.duration_s)
            run = MemoryRun(
                pipeline_id=self._new_id("pipeline"),
                workflow_id=workflow_id,
                input=copy.deepcopy(workflow_input),
                metadata=copy.deepcopy(metadata),
                created_at=now,
                ends_at=now + timedelta(seconds=duration_s),
                output=None if failure else self._output(workflow_id, workflow_input),
                failure=failure,
            )
            self.balance -= self.price
            self.runs.append(run)
        return run.pipeline_id

    def look(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.look`."""
        run = self._run(pipeline_id)
        status = self._status(run)
        if status == "pending":
            return PipelineReport(pipeline_id=pipeline_id, status=status)
        return self._report(run, status)

    def read_pipeline(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.read_pipeline`."""
        run = self._run(pipeline_id)
        return self._report(run, self._status(run))

    def runs_since(self, since: datetime) -> Iterator[RunSummary]:
        """See `ImageGeneration.runs_since`."""
        visible_until = self._clock.now() - timedelta(seconds=self.list_lag_s)
        for run in reversed(list(self.runs)):
            if run.created_at < since:
                return
            if run.created_at <= visible_until:
                yield RunSummary(
                    pipeline_id=run.pipeline_id,
                    status=self._status(run),
                    created_at=run.created_at,
                    metadata=copy.deepcopy(run.metadata) if self.keeps_metadata else {},
                )

    def download(self, picture: ImageRef, sink: BinaryIO) -> DownloadedPicture:
        """See `ImageGeneration.download`."""
        image_id = picture.image_id
        if image_id is None and (picture.url or "").startswith(f"{PICTURE_HOST}/"):
            image_id = (picture.url or "").removeprefix(f"{PICTURE_HOST}/").removesuffix(".png")
        image = self._images.get(image_id or "")
        if image is None and picture.image_id is not None:
            raise NotThereError(f"Hautech does not know the image {image_id}")
        if image is None:
            raise OutputUnusableError(f"pictures are at {PICTURE_HOST} only, and only those made")
        sink.seek(0)
        sink.truncate()
        with self._lock:
            is_cut, self.cut_downloads = self.cut_downloads > 0, max(0, self.cut_downloads - 1)
        if is_cut:
            sink.write(image.data[: len(image.data) // 2])
            raise OutputDamagedError(f"picture {image_id} was cut halfway")
        sink.write(image.data)
        return DownloadedPicture(
            content_type=image.content_type,
            size_bytes=len(image.data),
            sha256=hashlib.sha256(image.data).hexdigest(),
        )

    def _run(self, pipeline_id: str) -> MemoryRun:
        for run in self.runs:
            if run.pipeline_id == pipeline_id:
                return run
        raise PipelineLostError(f"Hautech does not know the pipeline {pipeline_id}")

    def _status(self, run: MemoryRun) -> PipelineStatus:
        if self._clock.now() < run.ends_at:
            return "pending"
        return "failed" if run.failure else "completed"

    def _report(self, run: MemoryRun, status: PipelineStatus) -> PipelineReport:
        has_ended = status != "pending"
        code, message = run.failure if run.failure and has_ended else (None, None)
        return PipelineReport(
            pipeline_id=run.pipeline_id,
            status=status,
            input=copy.deepcopy(run.input),
            output=copy.deepcopy(run.output) if has_ended else None,
            error_code=code,
            error_message=message,
            credits=str(self.price) if has_ended else None,
            created_at=run.created_at,
            ended_at=run.ends_at if has_ended else None,
        )

    def _bad_input(self, workflow_input: JsonObject, now: datetime) -> tuple[str, str] | None:
        """Why a run with this input fails: it names an image or a pose that is not there."""
        for name, value in workflow_input.items():
            if name in {"imageId", "poseImageId"}:
                image = self._images.get(str(value))
                if image is None or (image.expires_at is not None and image.expires_at <= now):
                    return "IMAGE_NOT_FOUND", f"{name}: no image {value}"
            elif name == "poseId" and value not in self._poses:
                return "POSE_NOT_FOUND", f"{name}: no pose {value}"
        return None

    def _output(self, workflow_id: str, workflow_input: JsonObject) -> Any:
        if workflow_id == WORKFLOWS["prepare-pose"].workflow_id:
            pose_id = self._new_id("pose")
            self._poses.add(pose_id)
            output: Any = {"poseId": pose_id}
        else:
            picture = draw_png(json.dumps(workflow_input, sort_keys=True))
            image_id = self._keep(MemoryImage(data=picture, content_type="image/png"))
            is_garment = workflow_id == WORKFLOWS["prepare-image"].workflow_id
            output = {"preparedImageId" if is_garment else "imageId": image_id}
        return output if self.output_of is None else self.output_of(workflow_input, output)

    def _keep(self, image: MemoryImage) -> str:
        image_id = self._new_id("image")
        self._images[image_id] = image
        return image_id

    def _new_id(self, kind: str) -> str:
        """A UUID, the same in each run of a test."""
        self._ids += 1
        return str(uuid5(NAMESPACE_URL, f"{kind} {self._ids}"))
