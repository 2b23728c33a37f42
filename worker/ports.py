"""All our ways to touch the world, as the engine needs them; adapters implement these.

Every method raises only errors of `worker.errors`: adapters translate foreign errors once, with
`raise … from`, and name the call. One test suite per port runs on every adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, BinaryIO, Literal, Protocol

from worker.batches.batch import Batch, BatchState, RowMark
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.follow import FollowMessage
from worker.contracts.poll import PollMessage
from worker.contracts.s3_uri import S3Uri
from worker.hautech.outputs import ImageRef
from worker.jobs.assets import Asset, Claim
from worker.jobs.durations import Seen
from worker.jobs.job import Job, JobState, JsonObject, Lease
from worker.jobs.outcomes import Outcome


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The present moment (aware UTC)."""


class WorkBudget(Protocol):
    """How much time the process has left for the work in hand: a Lambda deadline, a shutdown."""

    def remaining_s(self) -> float:
        """Seconds left; `math.inf` when nothing limits the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """One line about a job, for lists."""

    request_id: str
    state: JobState
    workflow: str
    updated_at: datetime


class JobStore(Protocol):
    """The durable records: one per job, changed only by guarded writes.

    Implementations must recognise the echo of their own retried write (the SDK may repeat a
    conditional write that had already taken effect): that is a success, not a lost race.
    """

    def create(self, job: Job) -> Job | None:
        """Store a new job, with its lease if it has one, as version 1.

        Returns None when it was stored; else the job that already has this request id, untouched.
        """

    def load(self, request_id: str) -> Job | None:
        """The job as last saved (strongly consistent), or None."""

    def load_many(self, request_ids: Sequence[str]) -> dict[str, Job]:
        """Those of these jobs that are there, by their ids (eventually consistent)."""

    def take_lease(self, job: Job, lease: Lease, *, at: datetime) -> Job:
        """Hold the job, if it is unchanged since `job` was read and nobody else holds it.

        A lease whose `until` is not after `at` is over. Returns the job with the new lease and
        version. Raises LeaseHeldError when another owner holds it, StaleJobError when the
        record changed or vanished.
        """

    def save(self, job: Job, *, lease: Lease | None) -> Job:
        """Store the job, if its version is unchanged and its lease is still `job.lease`'s owner's.

        `lease` is what stands in the record afterwards: a longer term for the same owner, or
        None to release it. Returns the job with its new version and lease. Raises StaleJobError
        when the record changed, vanished, or belongs to another owner.
        """

    def list_by_state(self, state: JobState, *, limit: int) -> list[JobSummary]:
        """The most recently changed jobs in that state, newest first (eventually consistent)."""

    def unchanged_since(self, moment: datetime, state: JobState) -> Iterator[JobSummary]:
        """The jobs in that state that last changed before `moment`, oldest change first.

        Read lazily, page by page (eventually consistent): a job that changes meanwhile may still
        come up, so load it before anything is done about it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """One line about a batch, for lists."""

    batch_id: str
    state: BatchState
    updated_at: datetime


class BatchStore(Protocol):
    """The records of batches, changed only by writes that are guarded by their version.

    As with jobs, the echo of an own retried write is a success, not a lost race.
    """

    def create(self, batch: Batch) -> Batch | None:
        """Store a new batch as version 1.

        Returns None when it was stored; else the batch that already has this id, untouched.
        """

    def load(self, batch_id: str) -> Batch | None:
        """The batch as last saved (strongly consistent), or None."""

    def save(self, batch: Batch) -> Batch:
        """Store the batch, if its version is unchanged; returns it with its new version.

        Raises StaleJobError when the record changed or vanished.
        """

    def list_by_state(self, state: BatchState, *, limit: int) -> list[BatchSummary]:
        """The most recently changed batches in that state, newest first (eventually consistent)."""

    def unchanged_since(self, moment: datetime, state: BatchState) -> Iterator[BatchSummary]:
        """The batches in that state that last changed before `moment`, oldest change first."""

    def mark_rows(self, batch_id: str, marks: Sequence[RowMark]) -> None:
        """Say of rows that they never became jobs, and why. May be repeated; the last mark stands."""

    def marks(self, batch_id: str, rows: Sequence[int]) -> dict[int, RowMark]:
        """The marks of those of these rows that have one (eventually consistent)."""

    def cancel(self, batch_id: str, *, at: datetime) -> datetime:
        """Cancel a batch, whether it is known or not; since when it is: the first time counts."""

    def cancelled_at(self, batch_id: str) -> datetime | None:
        """Since when the batch is cancelled (strongly consistent); None if it is not."""


class WorkQueue(Protocol):
    """Messages that the engine sends."""

    def send_requests(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        """Put requests on the requests queue, ten at a time. Returns once all are durable.

        Raises if any is not; then some may be there. To repeat it is harmless: their ids are theirs.
        """

    def send_follow(self, message: FollowMessage, *, delay_s: int) -> None:
        """Put a follow message on the polls queue, invisible for 0–900 s. Returns once durable."""

    def send_poll(self, message: PollMessage, *, delay_s: int, trace: str | None = None) -> None:
        """Put a poll message on the polls queue, invisible for 0–900 s. Returns once durable.

        `trace` is the X-Ray header that goes with it, as `clean_trace` gives it.
        """

    def send_dead_letter(self, body: str, reason: DeadLetterReason) -> None:
        """Put a request that failed on the dead-letter queue, the reason as attributes."""

    def jobs_in_flight(self) -> int:
        """Messages on the polls queue, visible or not: about so many jobs wait for Hautech."""


class Reader(Protocol):
    """A stream of bytes that is read once."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes (all that is left when negative); b"" at the end."""

    def close(self) -> None:
        """Give the connection back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object being read. `size_bytes` is the whole object's size."""

    body: Reader
    size_bytes: int
    etag: str
    version_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What the store says about an object, without its bytes."""

    size_bytes: int
    content_type: str
    sha256: str | None
    """Hex digest, as `put` recorded it; None for objects of others."""
    etag: str
    """Changes with the bytes."""
    metadata: Mapping[str, str]
    """What it was `put` with, and `sha256`."""
    cache_control: str | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    """None: the usual one."""
    version_id: str | None = None
    """None in a bucket without versions, and for what was put while there were none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoringOptions:
    """How an object is stored, besides its bytes; None: as the bucket says."""

    cache_control: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    kms_key_id: str | None = None
    storage_class: str | None = None


AS_USUAL = StoringOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What has to stand at a place for something to be written there."""

    etag: str | None
    """Of `ObjectInfo`; None: nothing at all."""


class ObjectStore(Protocol):
    """Images in, pictures and result documents out (S3)."""

    def open(self, uri: S3Uri) -> StoredObject:
        """Begin to read an object.

        Raises ImageMissingError (no such object, version or bucket), ImageForbiddenError, or a
        transient or systemic error. A body that ends early raises UnavailableError from `read`.
        """

    def put(
        self,
        uri: S3Uri,
        body: BinaryIO | bytes,
        *,
        size_bytes: int,
        content_type: str,
        sha256: str,
        metadata: dict[str, str] | None = None,
        only_if: Precondition | None = None,
        options: StoringOptions = AS_USUAL,
    ) -> None:
        """Write an object whole, with its SHA-256 (hex), replacing what was there.

        A seekable `body` is read from its beginning. Raises ObjectChangedError, and writes nothing,
        when `only_if` does not hold at the moment of the write. Raises OutputForbiddenError when the
        bucket does not exist or may not be written, or a transient or systemic error.
        """

    def head(self, uri: S3Uri) -> ObjectInfo | None:
        """What is stored there, or None. Raises OutputForbiddenError or a transient error."""

    def begin_upload(self, uri: S3Uri, *, content_type: str) -> str:
        """Begin to write an object in parts; the id of the upload. Raises as `put` does."""

    def upload_part(self, uri: S3Uri, upload_id: str, number: int, data: bytes) -> str:
        """Write part `number` (from 1) of 5 MiB or more, the last one excepted; returns its ETag.

        A part that is written twice counts as it was last. Raises NotThereError when nobody knows
        the upload (any more).
        """

    def end_upload(self, uri: S3Uri, upload_id: str, etags: Sequence[str]) -> None:
        """Make the object of its parts. Raises NotThereError as `upload_part` does.

        Stores differ in whether it may be repeated; who does not know whether it took effect has to
        be content with either.
        """

    def list_keys(self, bucket: str, prefix: str, *, limit: int) -> list[str]:
        """The keys that begin like that, in their order as UTF-8, at most `limit`.

        Raises OutputForbiddenError or a transient error.
        """

    def copy(
        self, source: S3Uri, target: S3Uri, *, content_type: str, metadata: dict[str, str]
    ) -> None:
        """Write an object of the same bytes, replacing what was there; they do not come through here.

        Raises ImageMissingError when the source is gone, and else as `put` does.
        """

    def delete(self, uri: S3Uri, *, etag: str) -> bool:
        """Delete what stands there if that is its ETag. False: something else does, or nothing.

        Versions of it stay, where the bucket keeps versions. Raises OutputForbiddenError or a
        transient error.
        """


class ResultTopic(Protocol):
    """Where results are announced (SNS)."""

    def publish(
        self, event_json: str, attributes: dict[str, str], *, trace: str | None = None
    ) -> None:
        """Publish one event with string attributes for filter policies. Returns once accepted.

        `trace` is the X-Ray header that goes with it, as `clean_trace` gives it.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoLimits:
    """What a photo may be, and what of it is sent."""

    max_bytes: int
    """Of what is sent."""
    max_side_px: int
    """Longest side of what is sent; a larger photo is scaled down."""
    max_source_pixels: int
    """Width times height of what is decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopedPhoto:
    """A photo as Hautech takes it."""

    body: BinaryIO
    """Where it is; whose file that is closes it."""
    content_type: str
    """`image/jpeg` or `image/png`."""
    size_bytes: int
    sha256: str
    """Of the bytes in `body`: 64 hex digits."""
    width_px: int
    height_px: int
    changes: tuple[str, ...]
    """What was done to it, in words for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What a smaller copy of a picture shall be. It is never larger than the picture."""

    format: Literal["webp", "jpeg"]
    width_px: int
    quality: int
    """1 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedPicture:
    """A smaller copy of a picture."""

    data: bytes
    content_type: str
    width_px: int
    height_px: int


class PhotoLab(Protocol):
    """Makes photos ready that cannot be sent as they are, and smaller copies of pictures."""

    def turn(self) -> AbstractContextManager[None]:
        """A place in the lab, which has few: conversions take memory. Waits a little for it.

        Raises HeldBackError when others take too long.
        """

    def develop(
        self, source: BinaryIO, content_type: str, limits: PhotoLimits, sink: BinaryIO
    ) -> DevelopedPhoto | None:
        """The photo in `source` as an upright JPEG or PNG in sRGB, written to `sink`; None: it is one.

        Both are seekable, and `sink` is begun again when one way of saving it takes too many bytes.

        `content_type` is that of the bytes, by `worker.jobs.photo_look`. To be called within a turn.
        Raises ImageUnreadableError and ImageTooLargeError, whose messages do not name the photo, or
        UnavailableError.
        """

    def reduce(self, source: BinaryIO, content_type: str, wanted: Reduction) -> ReducedPicture:
        """A smaller copy of a picture, in sRGB. To be called within a turn.

        Raises as `develop` does.
        """


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message as a driver hands it to the engine."""

    body: str
    receive_count: int = 1
    """How often the queue has delivered it. Not a failure count: polls and deploys raise it."""
    trace: str | None = None
    """The X-Ray header that came with it, unchecked."""


class HoldReason(StrEnum):
    """Why the workers take no new requests."""

    HAUTECH_DOWN = "hautech_down"
    """Calls fail one after the other: no connection, 5xx, no answer in time."""
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a word for people
    """Hautech, or the vault of the token, refuses who we are."""
    OUT_OF_FUNDS = "out_of_funds"
    """The account has no balance left."""
    MISCONFIGURED = "misconfigured"
    """No job can succeed with these settings: no such route, a host that is not allowed."""
    PACE = "pace"
    """As many requests per second are made as Hautech takes, or as are set. Passes by itself."""
    IN_FLIGHT = "in_flight"
    """As many jobs are in flight as Hautech takes, or as are set. Passes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitNotice:
    """What a worker last found out about Hautech; `reason` None: nothing holds requests up."""

    told_at: datetime
    reason: HoldReason | None = None
    since: datetime | None = None
    next_try_at: datetime | None = None
    """From then on one request is let through, to find out."""
    said: str = ""
    """The error that it began with, or went on with."""
    met_by: str = ""
    """The kind of call that met it, for a worker that goes on from here; "" if it is not known."""


MessageKind = Literal["requests", "polls"]

DropReason = Literal["replaced", "over", "no_job"]
"""Why no job waits for a poll message: another one took its place, the job is over, or its record
is gone.
"""
"""Which queue a message came from."""


class Observer(Protocol):
    """Hears what happened, to count it. Called in the middle of the work: must be quick, and not fail."""

    def called(self, call: str, error: Exception | None) -> None:
        """A call to Hautech ended, with this error if it failed."""

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """The engine answered a message."""

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """A job's event is out and its record final: `succeeded`, or `failed` with a code.

        It was open for `took_s` seconds, from its acceptance or the redrive that opened it anew.
        """

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """A pipeline was seen to end, or given up: seconds and a decimal text, if they are known."""

    def refused(self, error_code: str) -> None:
        """A request was refused before it became a job; that is announced."""

    def poll_dropped(self, reason: DropReason) -> None:
        """A poll message that no job waits for was put away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRules:
    """The text of a rules file that could be used, and where it came from."""

    source: str
    text: str


class RulesShelf(Protocol):
    """The last rules that were good, shared by all workers."""

    def keep(self, rules: KeptRules) -> None:
        """Replace what is kept."""

    def read(self) -> KeptRules | None:
        """What is kept, or None."""


class NoticeBoard(Protocol):
    """One notice for people, shared by all workers: the last that was posted stands."""

    def post(self, notice: CircuitNotice) -> None:
        """Replace the notice."""

    def read(self) -> CircuitNotice | None:
        """The notice, or None when none was posted for a week."""


class AssetCache(Protocol):
    """What is at Hautech already for any job to use, by the keys of `jobs.keys`; shared by all workers.

    Expired assets and claims are as if they were not there. A repeated write is no other than the
    first: a claim is its owner's as often as he makes it.
    """

    def look(self, key: str, *, at: datetime) -> Asset | Claim | None:
        """What is there (eventually consistent: what was written just now may be missing)."""

    def claim(self, key: str, claim: Claim, *, at: datetime) -> Asset | Claim | None:
        """Take the key for oneself, unless an asset is there or somebody else's claim.

        Returns None when it is ours now, else what is there.
        """

    def publish(self, key: str, asset: Asset, *, at: datetime) -> None:
        """Let all have an asset, whoever claimed the key. One that is there already stays."""

    def release(self, key: str, owner: str, *, at: datetime) -> None:
        """Give a claim up, if it is still that owner's: others need not wait any longer."""

    def drop(self, key: str, value: str, *, at: datetime) -> None:
        """Forget an asset that vanished at Hautech, if the one there still has that value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationSheet:
    """What stands on the duration board."""

    seen: Mapping[str, Seen]
    """By workflow id; empty when nothing is there, or nothing that can be read."""
    mark: object
    """Says what stood there to `DurationBoard.replace`; means nothing to anybody else."""
    problem: str | None = None
    """Why what is there cannot be read."""


class DurationBoard(Protocol):
    """How long pipelines took, shared by all workers. Nobody overwrites what he has not read."""

    def read(self) -> DurationSheet:
        """What stands there (strongly consistent). What is no duration of a workflow is left out."""

    def replace(self, sheet: DurationSheet, seen: Mapping[str, Seen], *, at: datetime) -> bool:
        """Let this stand there instead of the sheet, for `durations.KEPT` from `at` on.

        Returns False, and changes nothing, when it is not the sheet any more that stands there.
        """
