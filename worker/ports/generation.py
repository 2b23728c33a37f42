"""Hautech, as the engine sees it: images up, pipelines run and looked at, pictures down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol

from worker.hautech.outputs import ImageRef
from worker.jobs.job import JsonObject
from worker.ports.objects import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUpload:
    """One image to bring to Hautech. `open` gives the bytes from the start each time."""

    open: Callable[[], Reader]
    """Called again when the upload has to begin again."""
    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedImage:
    """An image that Hautech knows; `expires_at` None means it is kept."""

    image_id: str
    expires_at: datetime | None = None


PipelineStatus = Literal["pending", "completed", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineReport:
    """A pipeline as Hautech reports it; all but the first two only once it has ended."""

    pipeline_id: str
    status: PipelineStatus
    input: JsonObject | None = None
    output: Any = None
    error_code: str | None = None
    error_message: str | None = None
    credits: str | None = None
    """Consumed credits: a decimal string. Failed runs can cost, too."""
    created_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of Hautech's pipeline list."""

    pipeline_id: str
    status: PipelineStatus
    created_at: datetime
    metadata: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadedPicture:
    """A complete picture that was written to the sink."""

    content_type: str
    size_bytes: int
    sha256: str


class ImageGeneration(Protocol):
    """Hautech, as the engine sees it.

    Errors: HautechRefusedError when what the request contains is refused; ThrottledError,
    UnavailableError; CredentialsRefusedError, OutOfFundsError.
    """

    def upload(self, image: ImageUpload) -> UploadedImage:
        """Bring one image to Hautech. Errors of its reader come through unchanged."""

    def sign_in(self) -> None:
        """Make sure that credentials are at hand, so that a paid call does not wait for them."""

    def account(self) -> str:
        """Whose images and poses the ids are: no other account anywhere has that name. No secret.

        Hautech is not asked; what the credentials are read from may be.
        """

    def run(self, workflow_id: str, workflow_input: JsonObject, metadata: JsonObject) -> str:
        """Start one pipeline and return its id. **This costs money.** It is sent at most once.

        Raises AnswerUnknownError when it was sent and the answer is lost. Every other error
        means that nothing was started and nothing was paid.
        """

    def look(self, pipeline_id: str) -> PipelineReport:
        """How a pipeline stands. Raises PipelineLostError when Hautech does not know it."""

    def read_pipeline(self, pipeline_id: str) -> PipelineReport:
        """The whole pipeline, its input included, whatever its status."""

    def runs_since(self, since: datetime) -> Iterable[RunSummary]:
        """The account's pipelines created at or after `since`, newest first, read lazily."""

    def download(self, picture: ImageRef, sink: BinaryIO) -> DownloadedPicture:
        """Write one picture to `sink` (seekable, begun again on a retry), complete or not at all.

        Raises OutputDamagedError for a cut body and OutputUnusableError for bytes that are no
        image, too many bytes, or a host that is not allowed.
        """
