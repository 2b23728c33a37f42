"""A job and its parts, as frozen values; `transitions`, `reopening` and `sharing` have the only moves.

A **job** is one request. It has one or more **steps**, each of which is one paid Hautech
pipeline. The states are explained here and drawn in `charts`.
"""

# No postponed annotations: pydantic reads these values (`document`), and would compile each at every start.
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from worker.errors import PermanentError, Stage

JsonObject = dict[str, Any]
"""A JSON object as `json.loads` gives it."""


class JobState(StrEnum):
    """Where a job stands, which also says which message carries it on."""

    ACCEPTED = "accepted"
    """Recorded; its request message carries it through upload and submit."""
    RUNNING = "running"
    """Hautech has been paid for a step; its one poll message carries it from here on."""
    ANNOUNCING = "announcing"
    """The verdict and its event are fixed in the record; the event has yet to be published."""
    SUCCEEDED = "succeeded"
    """Final: outputs are in S3 and the event was published."""
    FAILED = "failed"
    """Final: the failed event was published and the request lies in the dead-letter queue."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will ever happen to the job by itself."""
        return self in {JobState.SUCCEEDED, JobState.FAILED}


class StepState(StrEnum):
    """Where one step stands."""

    PLANNED = "planned"
    """Not submitted; nothing was paid."""
    SUBMITTING = "submitting"
    """The intent to pay is recorded. Until a pipeline id is known, Hautech may or may not run."""
    RUNNING = "running"
    """The pipeline id is known and the pipeline has not been seen to end."""
    COMPLETED = "completed"
    """The pipeline completed, or another job's result was reused; the output is in the record."""
    FAILED = "failed"
    """The pipeline ended without an output that we can use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A hole in a step's input: the id that belongs at `path` is known only later.

    Either `image_uri` is set (an uploaded image's id goes there), or `step` and `field` are
    (that field of an earlier step's output goes there).
    """

    path: tuple[str | int, ...]
    image_uri: str | None = None
    step: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """The recorded intent to pay for one pipeline, written before the call goes out."""

    key: str
    """Travels in the run's metadata; the pipeline that carries it is ours."""
    intended_at: datetime
    """Just before the first call."""
    calls: int = 1
    """How many times the run may have been sent (at most 2)."""
    looks: tuple[datetime, ...] = ()
    """When the pipeline list was searched without finding the key, since the last call."""
    answer: str | None = None
    """Why the answer is unknown; None while a call may still be under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRun:
    """One pipeline at Hautech that was started for a step."""

    pipeline_id: str
    submitted_at: datetime
    adopted: bool = False
    """Found in the pipeline list after its answer was lost."""
    ended_at: datetime | None = None
    """As Hautech reports it, or when we saw it."""
    credits: str | None = None
    """What it cost: a decimal string of credits."""
    is_reported_failed: bool = False
    """Hautech itself reports that it failed. A run that was given up otherwise may yet give a
    picture, so it is never run again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job failed, as the result event says it."""

    code: str
    message: str
    stage: Stage
    retryable: bool

    @classmethod
    def of(cls, error: PermanentError, stage: Stage) -> Self:
        """What an error says, met at that stage."""
        return cls(code=error.code, message=error.message, stage=stage, retryable=error.retryable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One pipeline that the job needs."""

    name: str
    workflow_id: str
    input: JsonObject | None = None
    """The workflow's input without the values that `bindings` put in. None: the request's own
    input, which need not be stored a second time."""
    bindings: tuple[Binding, ...] = ()
    state: StepState = StepState.PLANNED
    submission: Submission | None = None
    pipeline: PipelineRun | None = None
    output: Any = None
    """The pipeline's raw output (any JSON), once completed."""
    earlier: tuple[PipelineRun, ...] = ()
    """Runs that failed at Hautech before a redrive: paid for, and not to be adopted again."""
    variant: int | None = None
    """Which of several pictures of the request it makes, from 1; None if it is no such choice."""
    seed: int | None = None
    """Of that variant: it stands in the input in the place of the request's own."""
    failure: Failure | None = None
    """Why this variant gave no picture, once it has failed and the job goes on without it."""
    asset: str | None = None
    """The key under which other jobs find its result, or this one found another job's."""
    kept: JsonObject | None = None
    """Fields that a newer release wrote, by name; see `document`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """An input image in S3 and what Hautech calls it."""

    uri: str
    image_id: str | None = None
    uploaded_at: datetime | None = None
    expires_at: datetime | None = None
    """When Hautech forgets the upload; None means never."""
    size_bytes: int | None = None
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopedImage:
    """What was changed in one of the job's images before it was sent to Hautech."""

    image: int
    """Its place among the job's images: a key may be long, and stands there."""
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedImage:
    """One of the job's images that other jobs may use at Hautech, or had brought there."""

    image: int
    """Its place among the job's images."""
    sha256: str
    """Of what was sent to Hautech."""
    reused: bool = False
    """Whether another job had brought it there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedPicture:
    """A picture that is in S3 already, of a job whose other pictures are not yet."""

    step: str
    index: int
    """Its place among the pictures of that step, from 0."""
    output: JsonObject
    """The picture as the event will tell of it, with the renditions that were made."""
    renditions_tried: int = 0
    """How many of those that were asked for were made, or cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One thing that happened to the job, and why."""

    at: datetime
    subject: str
    """`job`, `step NAME` or `image URI`."""
    before: str | None
    after: str
    because: str
    attempt: int
    """Which attempt at the present move this was; 1 when nothing had failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job, until a time. A term belongs to one `owner` token only.

        worker A  |--- lease until 12:00:30 ---|
        worker B                               |--- may take it over ---|

    Every save checks the owner and the version, so a worker that slept through the end of its
    lease can neither save nor release what belongs to the next one.
    """

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request and everything that has happened to it."""

    request_id: str
    request: JsonObject
    """The accepted request message, as JSON, without its envelope."""
    content_digest: str
    """What makes two requests with this id the same or a conflict."""
    message_digest: str
    """SHA-256 of the message that brought the request, to know it again when it comes back."""
    accepted_at: datetime
    updated_at: datetime
    state: JobState
    steps: tuple[Step, ...]
    images: tuple[SourceImage, ...] = ()
    developed: tuple[DevelopedImage, ...] = ()
    """Those of the images that were changed on their way."""
    shared: tuple[SharedImage, ...] = ()
    """Those of the images that are no job's own."""
    collected: tuple[CollectedPicture, ...] = ()
    """What is in S3 already while the rest is collected; the event says it in the end."""
    renewals: int = 0
    """How many times something reused had vanished at Hautech and was made anew."""
    poll_ticket: int = 0
    """Only the poll message with this number belongs to the job; 0 before there is one."""
    failures: int = 0
    """Failed attempts in a row since the job last got on."""
    wakes: int = 0
    """How many times it was woken since it last got on."""
    redrives: int = 0
    """How many times the job was reopened after it had failed."""
    reopened_at: datetime | None = None
    failure: Failure | None = None
    event: JsonObject | None = None
    """The result event exactly as it is published, fixed when the verdict is."""
    history: tuple[HistoryEntry, ...] = ()
    kept: JsonObject | None = None
    """Fields that a newer release wrote, by name; see `document`."""
    version: int = 0
    """Counts saves; the store raises `StaleJobError` when it moved under us."""
    trace: str | None = None
    """The X-Ray header that came with its request, as `clean_trace` gives it."""
    lease: Lease | None = None

    @property
    def workflow(self) -> str:
        """The workflow as the request names it."""
        return str(self.request["workflow"])

    @property
    def output_uri(self) -> str:
        """Where the request wants its outputs."""
        return str(self.request["output"])

    @property
    def metadata(self) -> JsonObject:
        """The request's own metadata, echoed in the event."""
        metadata: JsonObject = self.request.get("metadata") or {}
        return metadata

    @property
    def expires_at(self) -> datetime | None:
        """After this moment nothing more is paid for the job (aware UTC)."""
        text = self.request.get("expiresAt")
        return datetime.fromisoformat(text) if text else None

    @property
    def open_since(self) -> datetime:
        """When it was accepted, or reopened since: patience with it counts from there."""
        return self.reopened_at or self.accepted_at

    def step(self, name: str) -> Step:
        """The step of that name. Raises KeyError for a name the plan does not have."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def image(self, uri: str) -> SourceImage:
        """The source image at that S3 URI. Raises KeyError for one the plan does not have."""
        for image in self.images:
            if image.uri == uri:
                return image
        raise KeyError(uri)

    def collected_picture(self, step: str, index: int) -> CollectedPicture | None:
        """That picture, if it is in S3 already and the job not yet settled."""
        for picture in self.collected:
            if (picture.step, picture.index) == (step, index):
                return picture
        return None

    @property
    def may_have_cost(self) -> bool:
        """Whether a step was submitted, or may have been: somebody may have paid for this job."""
        return any(step.submission or step.pipeline for step in self.steps)

    def variants(self) -> tuple[Step, ...]:
        """The steps of which each makes one of several pictures, in order; some of them may fail."""
        return tuple(step for step in self.steps if step.variant is not None)

    def running_steps(self) -> tuple[Step, ...]:
        """The steps whose pipelines have not been seen to end."""
        return tuple(step for step in self.steps if step.state is StepState.RUNNING)
