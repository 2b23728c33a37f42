"""The ImageGeneration port over `worker.hautech`: their answers as our values, their errors as ours.

Every error of the client is translated here and nowhere else (`hautech_errors.py` has the
table), with `raise … from`, and no text of Hautech's leaves with a token or signed link in it. Errors of our own that pass through the client, such as those of an
S3 object that is being uploaded, stay as they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final

import structlog

from worker.adapters.hautech_access import AccessJudge
from worker.adapters.hautech_errors import (
    said_by,
    translate_download_error,
    translate_read_error,
    translate_run_error,
    translate_upload_error,
)
from worker.errors import PipelineLostError
from worker.hautech.answers import read_error_body
from worker.hautech.client import HautechClient
from worker.hautech.errors import HautechError, NotFoundError, PermissionDeniedError
from worker.hautech.models import Pipeline, PipelinePhase
from worker.hautech.outputs import ImageRef
from worker.hautech.redaction import redact
from worker.hautech.upload import UPLOAD_FINALIZE
from worker.jobs.job import JsonObject
from worker.ports.generation import (
    DownloadedPicture,
    ImageUpload,
    PipelineReport,
    PipelineStatus,
    RunSummary,
    UploadedImage,
)

_log = structlog.get_logger(__name__)

# Source: the API's permission names; which call needs which follows from the names.
_RUN_PERMISSION: Final = "workflows:execute"
_UPLOAD_PERMISSION: Final = "images:create"

_STATUS: Final[dict[PipelinePhase, PipelineStatus]] = {
    PipelinePhase.COMPLETED: "completed",
    PipelinePhase.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """How long Hautech keeps what we upload (None: for ever), and how long a picture may be."""

    upload_ttl_s: int | None = 604_800
    output_max_bytes: int = 64 * 1024 * 1024


class HautechGateway:
    """Hautech, as the engine sees it. Safe to share between threads, as the client is."""

    def __init__(
        self,
        client: HautechClient,
        config: GatewayConfig | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._config = config or GatewayConfig()
        self._access = AccessJudge(client, monotonic=monotonic)
        self._unknown_words: set[str] = set()

    def sign_in(self) -> None:
        """See `ImageGeneration.sign_in`. Asks Hautech nothing; the vault, if it has to."""
        self._client.sign_in()

    def account(self) -> str:
        """See `ImageGeneration.account`. Asks Hautech nothing; the vault, if it has to."""
        return self._client.account()

    def upload(self, image: ImageUpload) -> UploadedImage:
        """See `ImageGeneration.upload`."""
        try:
            uploaded = self._client.upload_image(
                image.open,
                filename=image.filename,
                content_type=image.content_type,
                size_bytes=image.size_bytes,
                ttl_s=self._config.upload_ttl_s,
            )
        except PermissionDeniedError as error:
            if error.target != UPLOAD_FINALIZE.path_template:
                raise translate_upload_error(error) from error
            raise self._access.judge(error, _UPLOAD_PERMISSION) from error
        except HautechError as error:
            raise translate_upload_error(error) from error
        return UploadedImage(image_id=uploaded.image_id, expires_at=uploaded.expires_at)

    def run(self, workflow_id: str, workflow_input: JsonObject, metadata: JsonObject) -> str:
        """See `ImageGeneration.run`. Sent once; the client repeats nothing that may have run."""
        try:
            return self._client.run_workflow(workflow_id, workflow_input, metadata=metadata)
        except PermissionDeniedError as error:
            raise self._access.judge(error, _RUN_PERMISSION) from error
        except HautechError as error:
            raise translate_run_error(error, workflow_id) from error

    def look(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.look`. One small call while the pipeline is pending."""
        try:
            found = self._client.get_pipeline_status(pipeline_id)
        except NotFoundError as error:
            raise _lost(pipeline_id, error) from error
        except HautechError as error:
            raise translate_read_error(error) from error
        if found.pipeline is not None and found.phase.has_ended:
            return self._report(found.pipeline, found.status)
        return PipelineReport(pipeline_id=pipeline_id, status=self._status(found.status))

    def read_pipeline(self, pipeline_id: str) -> PipelineReport:
        """See `ImageGeneration.read_pipeline`."""
        try:
            found = self._client.get_pipeline(pipeline_id)
        except NotFoundError as error:
            raise _lost(pipeline_id, error) from error
        except HautechError as error:
            raise translate_read_error(error) from error
        return self._report(found, found.status)

    def runs_since(self, since: datetime) -> Iterator[RunSummary]:
        """See `ImageGeneration.runs_since`. Raises UnavailableError when the list cannot be read
        all the way back: "not found" must not be concluded from half a list.
        """
        try:
            for preview in self._client.iter_pipelines_newest_first(since):
                yield RunSummary(
                    pipeline_id=preview.pipeline_id,
                    status=self._status(preview.status),
                    # One without a time cannot be ruled out, so it counts as inside.
                    created_at=preview.created_at or since,
                    metadata=dict(preview.metadata),
                )
        except HautechError as error:
            raise translate_read_error(error) from error

    def download(self, picture: ImageRef, sink: BinaryIO) -> DownloadedPicture:
        """See `ImageGeneration.download`. Ids are preferred: only they give a fresh link."""
        sink.seek(0)
        sink.truncate()
        try:
            found = self._client.download_image(
                picture.image_id or picture.url or "",
                sink,
                max_bytes=self._config.output_max_bytes,
            )
        except HautechError as error:
            raise translate_download_error(error) from error
        return DownloadedPicture(
            content_type=found.content_type, size_bytes=found.size_bytes, sha256=found.sha256
        )

    def _report(self, pipeline: Pipeline, word: str) -> PipelineReport:
        phase = PipelinePhase.of(word)
        consumed = pipeline.consumed_credits
        return PipelineReport(
            pipeline_id=pipeline.pipeline_id,
            status=self._status(word),
            input=dict(pipeline.input),
            output=pipeline.output,
            error_code=None if pipeline.error_code is None else redact(pipeline.error_code),
            error_message=_error_message(pipeline) if phase is PipelinePhase.FAILED else None,
            # "f": a Decimal may else be written as 1E+2, which is no decimal string.
            credits=None if consumed is None else f"{consumed:f}",
            created_at=pipeline.created_at,
            # Pipelines carry no end time; their last change is their end.
            ended_at=pipeline.updated_at if phase.has_ended else None,
        )

    def _status(self, word: str) -> PipelineStatus:
        phase = PipelinePhase.of(word)
        word = word[:50]  # it is remembered, so it must not be a megabyte
        if phase is PipelinePhase.OTHER and word not in self._unknown_words:
            if len(self._unknown_words) < 100:
                self._unknown_words.add(word)
            _log.warning(
                "Hautech uses a pipeline status that we do not know; we go on polling",
                action="unknown_pipeline_status",
                status=word,
            )
        return _STATUS.get(phase, "pending")


def _error_message(pipeline: Pipeline) -> str | None:
    """What went wrong in their words; the first failed task when the pipeline itself is silent."""
    if pipeline.error_message:
        return redact(pipeline.error_message)
    if pipeline.first_failure is None:
        return None
    failure = pipeline.first_failure
    said = read_error_body(json.dumps(failure.error).encode())
    code = f" [{said.code}]" if said.code and said.code not in said.message else ""
    return redact(f"task {failure.task_id} failed: {said.message}{code}")


def _lost(pipeline_id: str, error: NotFoundError) -> PipelineLostError:
    return PipelineLostError(
        f"{said_by(error)} (pipeline {pipeline_id} is not known to this account)"
    )
