"""The Hautech API as plain calls: upload, run, follow, fetch. One client serves all threads."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from requests.adapters import BaseAdapter

from worker.hautech.api import ApiCaller, path_id
from worker.hautech.auth import TokenProvider
from worker.hautech.config import ClientConfig
from worker.hautech.deadline import Deadline
from worker.hautech.download import Download, Downloader, Sink
from worker.hautech.fields import ShapeError, as_object, credits_of
from worker.hautech.models import (
    Account,
    Image,
    Pipeline,
    PipelinePage,
    PipelinePreview,
    PipelineStatus,
    Pose,
    Workflow,
)
from worker.hautech.multipart import BodyReader
from worker.hautech.pipelines import Pipelines
from worker.hautech.runs import Runner
from worker.hautech.transport import Call, Observer, Transport
from worker.hautech.upload import Uploader
from worker.hautech.urls import UrlGuard

GET_IMAGE: Final = Call("get_image", "GET", "/v1/images/{id}", is_repeatable=True)
GET_WORKFLOW: Final = Call("get_workflow", "GET", "/v1/workflows/{id}", is_repeatable=True)
GET_POSE: Final = Call("get_pose", "GET", "/v1/poses/{id}", is_repeatable=True)
GET_ACCOUNT: Final = Call("get_account", "GET", "/v1/accounts/self", is_repeatable=True)
GET_BALANCE: Final = Call("get_balance", "GET", "/v1/accounts/self/balance", is_repeatable=True)
LIST_PERMISSIONS: Final = Call(
    "list_permissions", "GET", "/v1/permissions/available", is_repeatable=True
)

# Money is read from the digits as they were sent.
_EXACT: Final = {"parse_float": Decimal}


class HautechClient:
    """The part of the Hautech API that a worker needs. Thread-safe; one per process is enough.

    Every method raises `HautechError`; its subclass says what is known about the outcome. No
    method waits and tries again later: pauses are the caller's to take.

    Args:
        config: Where and how.
        tokens: Supplies the bearer token.
        observer: Told before and after every HTTP exchange, in the calling thread. What it
            raises goes through to the caller.
        adapter: Replaces the network, for tests.
        monotonic: Clock for deadlines and durations, seconds.
        now: Wall clock, seconds since 1970, for `Retry-After` dates.
    """

    def __init__(
        self,
        config: ClientConfig,
        tokens: TokenProvider,
        *,
        observer: Observer | None = None,
        adapter: BaseAdapter | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self._transport = Transport(config, observer=observer, adapter=adapter, monotonic=monotonic)
        self._api = ApiCaller(config, self._transport, tokens, now=now)
        guard = UrlGuard(config)
        self._uploader = Uploader(self._api, guard)
        self._downloader = Downloader(self._api, guard, self.get_image)
        self._runner = Runner(self._api)
        self._pipelines = Pipelines(self._api)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes idle connections. A later call opens new ones."""
        self._transport.close()

    def sign_in(self) -> None:
        """Gets a token if none is at hand, so that the next call does not wait for one.

        Nothing is sent to Hautech. What the token provider raises comes unchanged.
        """
        self._api.sign_in()

    def account(self) -> str:
        """Whom we act for, and at which API: no other account anywhere has that name.

        Nothing is sent to Hautech. What the token provider raises comes unchanged.
        """
        return self._api.account()

    # -- images ---------------------------------------------------------------------------

    def upload_image(
        self,
        open_body: Callable[[], BodyReader],
        *,
        filename: str,
        content_type: str,
        size_bytes: int,
        ttl_s: int | None = None,
    ) -> Image:
        """Uploads one image in three calls, streamed; at most two rounds of them.

        Args:
            open_body: Opens the source at its beginning; called once per round, and the
                source is closed afterwards. Only 64 KiB of it are held at a time.
            filename: Name of the file; the API keeps it.
            content_type: MIME type of the file.
            size_bytes: Exact length of the source.
            ttl_s: Seconds after which Hautech deletes the image; None keeps it.

        Raises:
            BodySizeError: The source is shorter or longer than `size_bytes`.
            DeadlineExceededError: Sending took longer than `transfer_timeout_s`.
            HautechError: See the tree. What `open_body` or its `read` raises comes unchanged.
            ValueError: An argument is out of range.
        """
        return self._uploader.upload(
            open_body,
            filename=filename,
            content_type=content_type,
            size_bytes=size_bytes,
            ttl_s=ttl_s,
        )

    def get_image(self, image_id: str) -> Image:
        """The image record, with a fresh download link."""
        path = f"/v1/images/{path_id(image_id, 'image_id')}"
        return self._api.read(GET_IMAGE, path, Image.from_json)

    def download_image(
        self,
        image_id_or_url: str,
        sink: Sink,
        *,
        max_bytes: int,
        deadline_s: float | None = None,
    ) -> Download:
        """Writes the whole image to `sink`, or raises; then the sink's content is worthless.

        By id, a fresh link is fetched first, and once more if the link is refused. Nothing is
        written before the first bytes have proved to be an image.

        Args:
            image_id_or_url: Image id, or a link from an output that names no id.
            sink: Takes the bytes in order.
            max_bytes: A longer image is refused.
            deadline_s: Seconds for all of it; default `transfer_timeout_s`.

        Raises:
            CutBodyError: The image ended early.
            TooLargeError: It is longer than `max_bytes`.
            DeadlineExceededError: It took too long.
            InvalidAnswerError: It is not an image.
            ForbiddenUrlError: The link leads to a host that is not allowed.
            HautechError: See the tree. What the sink raises comes unchanged.
        """
        return self._downloader.download(
            image_id_or_url, sink, max_bytes=max_bytes, deadline_s=deadline_s
        )

    # -- runs -----------------------------------------------------------------------------

    def run_workflow(
        self,
        workflow_id: str,
        workflow_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any],
        version_number: int | None = None,
        deadline_s: float | None = None,
    ) -> str:
        """Starts a run and returns its pipeline id. Costs money, so it is sent once.

        A second request goes out only after an answer that created nothing (404 on the first
        of two routes, or one 401), and only while 5 s are left.

        Args:
            workflow_id: Which workflow.
            workflow_input: Its input.
            metadata: Kept with the pipeline; tells our runs apart.
            version_number: Of the workflow; None means the current one.
            deadline_s: Seconds for all of it; default `run_deadline_s`. A name server or a
                header that drips byte by byte may take longer, for no socket limits these.

        Raises:
            NotSentError: Nothing was sent; safe to run again.
            RefusedError: Nothing was created; `WorkflowNotFoundError`, `OutOfFundsError` and
                so on say why.
            AnswerUnknownError: It may be running. Look for its metadata in the pipeline list
                before running again.
        """
        return self._runner.run(
            workflow_id,
            workflow_input,
            metadata=metadata,
            version_number=version_number,
            deadline_s=deadline_s,
        )

    def get_pipeline(self, pipeline_id: str) -> Pipeline:
        """The complete pipeline record."""
        return self._pipelines.get(pipeline_id)

    def get_pipeline_status(self, pipeline_id: str) -> PipelineStatus:
        """Where the pipeline stands; with its record once it has ended.

        One small call while it is pending. A deployment without the status route, and an
        answer without the record, lead to a plain read.
        """
        return self._pipelines.status(pipeline_id)

    def list_pipelines(self, cursor: str | None = None, limit: int = 50) -> PipelinePage:
        """One page of pipelines, newest first. Source: 50 is the API's own default."""
        return self._pipelines.page(cursor, limit)

    def iter_pipelines_newest_first(
        self, until: datetime, *, max_pages: int = 200, page_size: int = 50
    ) -> Iterator[PipelinePreview]:
        """Pipelines created at or after `until` (aware), newest first, page by page.

        Raises:
            ListTooLongError: `max_pages` did not reach back to `until`: the search is not over,
                so "not found" must not be concluded.
        """
        if until.tzinfo is None:
            raise ValueError("until: must be an aware time")
        return self._pipelines.newest_first(until, max_pages=max_pages, page_size=page_size)

    # -- records --------------------------------------------------------------------------

    def get_workflow(self, workflow_id: str) -> Workflow:
        """The workflow record; reading it costs nothing and shows the shape of its output."""
        path = f"/v1/workflows/{path_id(workflow_id, 'workflow_id')}"
        return self._api.read(GET_WORKFLOW, path, Workflow.from_json)

    def get_pose(self, pose_id: str) -> Pose:
        """The pose record."""
        return self._api.read(GET_POSE, f"/v1/poses/{path_id(pose_id, 'pose_id')}", Pose.from_json)

    def get_account(self, *, deadline_s: float | None = None) -> Account:
        """The account that the token acts for. A good first call: it needs no permission.

        Args:
            deadline_s: Seconds for all of it; None leaves it to the timeouts.
        """
        return self._api.read(
            GET_ACCOUNT,
            GET_ACCOUNT.path_template,
            Account.from_json,
            loads_options=_EXACT,
            deadline=None if deadline_s is None else self._deadline(deadline_s),
        )

    def get_balance(self) -> Decimal:
        """Credits left; may be negative."""
        return self._api.read(
            GET_BALANCE, GET_BALANCE.path_template, _read_balance, loads_options=_EXACT
        )

    def list_permissions(self) -> tuple[str, ...]:
        """Names of all permissions there are. Needs no token, so it tells whether we get through."""
        return self._api.read(
            LIST_PERMISSIONS, LIST_PERMISSIONS.path_template, _read_names, is_open=True
        )

    def _deadline(self, seconds: float) -> Deadline:
        return Deadline.after(seconds, self._transport.monotonic)


def _read_balance(document: Any) -> Decimal:
    balance = credits_of(as_object(document, "balance").get("balance"))
    if balance is None:
        raise ShapeError("balance: expected an amount")
    return balance


def _read_names(document: Any) -> tuple[str, ...]:
    if not isinstance(document, list):
        raise ShapeError("permissions: expected a list")
    return tuple(name for name in document if isinstance(name, str))
