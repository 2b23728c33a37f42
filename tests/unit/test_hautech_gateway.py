import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.support.logs import all_logs
from worker import errors as ours
from worker.adapters.hautech_gateway import GatewayConfig, HautechGateway
from worker.contracts.workflows import WORKFLOWS
from worker.hautech import errors as theirs
from worker.hautech.download import Download
from worker.hautech.models import (
    Account,
    Image,
    Pipeline,
    PipelinePreview,
    PipelineStatus,
    TaskFailure,
)
from worker.hautech.outputs import ImageRef
from worker.ports.generation import ImageUpload

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
OTHER_WORKFLOW = "11111111-2222-4333-8444-555555555555"
KNOWN_WORKFLOW = next(iter(WORKFLOWS.values())).workflow_id


class FakeClient:
    """Gives what the test says, or raises it; remembers how it was called."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.called: dict[str, Any] = {}

    def _give(self, **called: Any) -> Any:
        self.called = called
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def sign_in(self) -> None:
        self._give(signed_in=True)

    def get_account(self, *, deadline_s: float) -> Account:
        assert deadline_s <= 5
        return Account("a-1")

    def upload_image(self, open_body: Any, **called: Any) -> Any:
        return self._give(open_body=open_body, **called)

    def run_workflow(self, workflow_id: str, workflow_input: Any, *, metadata: Any) -> Any:
        return self._give(workflow_id=workflow_id, input=workflow_input, metadata=metadata)

    def get_pipeline_status(self, pipeline_id: str) -> Any:
        return self._give(pipeline_id=pipeline_id)

    def get_pipeline(self, pipeline_id: str) -> Any:
        return self._give(pipeline_id=pipeline_id)

    def iter_pipelines_newest_first(self, until: datetime) -> Iterator[Any]:
        yield from self._give(until=until)

    def download_image(self, image: str, sink: Any, *, max_bytes: int) -> Any:
        return self._give(image=image, sink=sink, max_bytes=max_bytes)


def gateway_of(answer: Any, config: GatewayConfig | None = None) -> HautechGateway:
    return HautechGateway(FakeClient(answer), config)  # type: ignore[arg-type] # a stand-in


IMAGE = ImageUpload(
    open=lambda: io.BytesIO(b"png"), filename="a.png", content_type="image/png", size_bytes=3
)

CALLS: dict[str, Callable[[HautechGateway], Any]] = {
    "upload": lambda gateway: gateway.upload(IMAGE),
    "run": lambda gateway: gateway.run(KNOWN_WORKFLOW, {}, {}),
    "look": lambda gateway: gateway.look("p-1"),
    "read": lambda gateway: gateway.read_pipeline("p-1"),
    "list": lambda gateway: list(gateway.runs_since(AT)),
    "download": lambda gateway: gateway.download(ImageRef(image_id="i-1"), io.BytesIO()),
}

# For all calls; then what differs. The keys of the first are all classes of the client's tree.
EVERYWHERE: dict[type[theirs.HautechError], type[ours.WorkerError]] = {
    theirs.HautechError: ours.UnavailableError,
    theirs.NotSentError: ours.UnavailableError,
    theirs.ConnectTimedOutError: ours.UnavailableError,
    theirs.ForbiddenUrlError: ours.SystemicError,
    theirs.ForbiddenAddressError: ours.SystemicError,
    theirs.RefusedError: ours.UnavailableError,
    theirs.BadRequestError: ours.HautechRefusedError,
    theirs.AuthenticationError: ours.CredentialsRefusedError,
    theirs.OutOfFundsError: ours.OutOfFundsError,
    theirs.PermissionDeniedError: ours.CredentialsRefusedError,
    theirs.NotFoundError: ours.NotThereError,
    theirs.WorkflowNotFoundError: ours.NotThereError,
    theirs.RateLimitedError: ours.ThrottledError,
    theirs.RedirectedError: ours.SystemicError,
    theirs.AnswerUnknownError: ours.UnavailableError,
    theirs.ReadTimedOutError: ours.UnavailableError,
    theirs.ServerError: ours.UnavailableError,
    theirs.UnusableAnswerError: ours.UnavailableError,
    theirs.InvalidAnswerError: ours.UnavailableError,
    theirs.CutBodyError: ours.UnavailableError,
    theirs.TooLargeError: ours.UnavailableError,
    theirs.ListTooLongError: ours.UnavailableError,
    theirs.DeadlineExceededError: ours.UnavailableError,
    theirs.BodySizeError: ours.UnavailableError,
}
IN_PARTICULAR: dict[str, dict[type[theirs.HautechError], type[ours.WorkerError]]] = {
    "run": {
        theirs.WorkflowNotFoundError: ours.SystemicError,
        theirs.PermissionDeniedError: ours.HautechRefusedError,
        **dict.fromkeys(
            (
                theirs.HautechError,
                theirs.AnswerUnknownError,
                theirs.ReadTimedOutError,
                theirs.ServerError,
                theirs.UnusableAnswerError,
                theirs.InvalidAnswerError,
                theirs.CutBodyError,
                theirs.TooLargeError,
                theirs.ListTooLongError,
                theirs.DeadlineExceededError,
                theirs.BodySizeError,
            ),
            ours.AnswerUnknownError,
        ),
    },
    "look": {
        theirs.BadRequestError: ours.UnavailableError,
        theirs.NotFoundError: ours.PipelineLostError,
        theirs.WorkflowNotFoundError: ours.PipelineLostError,
    },
    "read": {
        theirs.BadRequestError: ours.UnavailableError,
        theirs.NotFoundError: ours.PipelineLostError,
        theirs.WorkflowNotFoundError: ours.PipelineLostError,
    },
    "list": {theirs.BadRequestError: ours.UnavailableError},
    "download": {
        theirs.BadRequestError: ours.UnavailableError,
        theirs.ForbiddenUrlError: ours.OutputUnusableError,
        theirs.CutBodyError: ours.OutputDamagedError,
        theirs.TooLargeError: ours.OutputUnusableError,
    },
}


def tree(root: type[theirs.HautechError]) -> set[type[theirs.HautechError]]:
    return {root}.union(*(tree(kind) for kind in root.__subclasses__()))


def test_the_table_names_every_class_of_the_client() -> None:
    assert set(EVERYWHERE) == tree(theirs.HautechError)


@pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("call", CALLS)
def test_each_error_of_the_client_becomes_one_of_ours(
    call: str, kind: type[theirs.HautechError]
) -> None:
    error = kind("they said no", method="GET", target="/v1/things/7", status=418)
    expected = IN_PARTICULAR.get(call, {}).get(kind, EVERYWHERE[kind])
    with pytest.raises(ours.WorkerError) as caught:
        CALLS[call](gateway_of(error))
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    assert "GET /v1/things/7: HTTP 418: they said no" in caught.value.message


def test_the_advice_to_wait_is_kept() -> None:
    error = theirs.RateLimitedError("slowly", retry_after_s=17)
    with pytest.raises(ours.ThrottledError) as caught:
        CALLS["look"](gateway_of(error))
    assert caught.value.retry_after_s == 17
    busy = theirs.ServerError("busy", status=503, retry_after_s=9)
    with pytest.raises(ours.UnavailableError) as unavailable:
        CALLS["upload"](gateway_of(busy))
    assert unavailable.value.retry_after_s == 9


def test_a_workflow_that_the_request_named_and_nobody_knows_fails_the_job() -> None:
    error = theirs.WorkflowNotFoundError("not known", status=404)
    with pytest.raises(ours.HautechRefusedError):
        gateway_of(error).run(OTHER_WORKFLOW, {}, {})


@pytest.mark.parametrize("said", ["Image not found", "pose 7 not found"])
def test_a_run_whose_input_is_not_there_is_the_matter_of_one_job(said: str) -> None:
    error = theirs.WorkflowNotFoundError(f"They said: {said}", status=404)
    for workflow in (OTHER_WORKFLOW, KNOWN_WORKFLOW):
        with pytest.raises(ours.NotThereError, match=said):
            gateway_of(error).run(workflow, {}, {})


@pytest.mark.parametrize("call", ["upload", "list", "download"])
def test_a_route_that_does_not_exist_is_the_settings_fault(call: str) -> None:
    error = theirs.NotFoundError("Cannot POST /v2/images", target="/v2/images", status=404)
    with pytest.raises(ours.SystemicError, match="check HAUTECH_API_URL"):
        CALLS[call](gateway_of(error))


@pytest.mark.parametrize("kind", [theirs.PermissionDeniedError, theirs.AuthenticationError])
@pytest.mark.parametrize("call", ["upload", "download"])
def test_a_stale_link_is_no_matter_of_credentials(
    call: str, kind: type[theirs.HautechError]
) -> None:
    error = kind("expired", method="GET", target="files.hautech.ai", status=403)
    with pytest.raises(ours.UnavailableError, match="fresh link was refused"):
        CALLS[call](gateway_of(error))


@pytest.mark.parametrize(
    ("target", "status", "expected"),
    [
        ("files.hautech.ai", 200, ours.OutputUnusableError),
        ("files.hautech.ai", 202, ours.UnavailableError),
        ("/v1/images/7", 200, ours.UnavailableError),
    ],
)
def test_only_bytes_from_the_link_itself_make_an_output_unusable(
    target: str, status: int, expected: type[ours.WorkerError]
) -> None:
    error = theirs.InvalidAnswerError("not an image", target=target, status=status)
    with pytest.raises(ours.WorkerError) as caught:
        CALLS["download"](gateway_of(error))
    assert type(caught.value) is expected


def test_signing_in_is_the_clients_matter_and_its_errors_stay_as_they_are() -> None:
    client = FakeClient(None)
    HautechGateway(client).sign_in()  # type: ignore[arg-type] # a stand-in
    assert client.called == {"signed_in": True}
    with pytest.raises(ours.CredentialsRefusedError, match="no such secret"):
        gateway_of(ours.CredentialsRefusedError("no such secret")).sign_in()


SECRETS = "see https://files.hautech.ai/a?Signature=hush or use Bearer hush-hush-hush"


@pytest.mark.parametrize("kind", EVERYWHERE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("call", CALLS)
def test_no_message_carries_a_link_or_a_token(call: str, kind: type[theirs.HautechError]) -> None:
    with pytest.raises(ours.WorkerError) as caught:
        CALLS[call](gateway_of(kind(SECRETS, target="/v1/x")))
    assert "https://files.hautech.ai/" in caught.value.message
    assert "hush" not in caught.value.message


def test_a_long_message_keeps_its_request_id() -> None:
    error = theirs.BadRequestError("x" * 300, target="/v1/" + "y" * 99, request_id="req-7")
    with pytest.raises(ours.HautechRefusedError, match="req-7"):
        CALLS["run"](gateway_of(error))


@pytest.mark.parametrize(
    "fields",
    [
        {"error_message": SECRETS, "error_code": SECRETS},
        {"first_failure": TaskFailure("naomi", SECRETS)},
        {"first_failure": TaskFailure("naomi", {"message": SECRETS, "code": SECRETS})},
        {"first_failure": TaskFailure("naomi", [SECRETS])},
    ],
)
def test_the_error_of_a_pipeline_carries_no_link_and_no_token(fields: dict[str, Any]) -> None:
    report = gateway_of(pipeline(status="failed", output=None, **fields)).read_pipeline("p-1")
    assert "https://files.hautech.ai/" in (report.error_message or "")
    assert "hush" not in f"{report.error_message} {report.error_code}"


@pytest.mark.parametrize(
    "error", [ours.UnavailableError("S3 is away"), ours.ImageMissingError(), OSError("disk")]
)
def test_errors_of_the_source_that_is_uploaded_stay_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        CALLS["upload"](gateway_of(error))
    assert caught.value is error


def test_an_upload_says_how_long_the_image_is_kept_and_until_when() -> None:
    client = FakeClient(Image(image_id="i-1", expires_at=AT))
    gateway = HautechGateway(client, GatewayConfig(upload_ttl_s=3600))  # type: ignore[arg-type] # a stand-in
    uploaded = gateway.upload(IMAGE)
    assert (uploaded.image_id, uploaded.expires_at) == ("i-1", AT)
    assert client.called == {
        "open_body": IMAGE.open,
        "filename": "a.png",
        "content_type": "image/png",
        "size_bytes": 3,
        "ttl_s": 3600,
    }


def pipeline(**changes: Any) -> Pipeline:
    fields: dict[str, Any] = {
        "pipeline_id": "p-1",
        "status": "completed",
        "metadata": {},
        "input": {"seed": 1},
        "output": {"imageId": "i-9"},
        "consumed_credits": Decimal("1E+2"),
        "created_at": AT,
        "updated_at": AT,
    }
    return Pipeline(**(fields | changes))


def test_a_pending_pipeline_is_reported_with_nothing_else() -> None:
    report = gateway_of(PipelineStatus("pending")).look("p-1")
    assert (report.pipeline_id, report.status, report.output) == ("p-1", "pending", None)


def test_a_completed_pipeline_is_reported_with_output_and_cost() -> None:
    report = gateway_of(PipelineStatus("finished", pipeline(status="finished"))).look("p-1")
    assert (report.status, report.output, report.credits) == (
        "completed",
        {"imageId": "i-9"},
        "100",
    )
    assert (report.created_at, report.ended_at, report.input) == (AT, AT, {"seed": 1})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"error_message": "no pose", "error_code": "POSE"}, "no pose"),
        ({"first_failure": TaskFailure("naomi", "no garment")}, "task naomi failed: no garment"),
        ({"first_failure": TaskFailure("naomi", {"why": 1})}, 'task naomi failed: {"why": 1}'),
        (
            {"first_failure": TaskFailure("naomi", {"message": "empty", "code": "NO_FUNDS"})},
            "task naomi failed: empty [NO_FUNDS]",
        ),
        ({}, None),
    ],
)
def test_a_failed_pipeline_is_reported_with_their_words(
    fields: dict[str, Any], message: str | None
) -> None:
    report = gateway_of(pipeline(status="failed", output=None, **fields)).read_pipeline("p-1")
    assert (report.status, report.error_message) == ("failed", message)
    assert report.error_code == fields.get("error_code")


def test_an_unknown_status_counts_as_pending_and_is_told_once() -> None:
    gateway = gateway_of(PipelineStatus("in_progress"))
    with all_logs() as lines:
        assert gateway.look("p-1").status == "pending"
        assert gateway.look("p-2").status == "pending"
    assert [line["action"] for line in lines] == ["unknown_pipeline_status"]


def test_runs_are_listed_with_their_metadata() -> None:
    client = FakeClient(
        [
            PipelinePreview("p-2", "pending", {"key": "k"}, created_at=AT),
            PipelinePreview("p-1", "failed", {}),
        ]
    )
    runs = list(HautechGateway(client).runs_since(AT))  # type: ignore[arg-type] # a stand-in
    assert [(run.pipeline_id, run.status, run.metadata) for run in runs] == [
        ("p-2", "pending", {"key": "k"}),
        ("p-1", "failed", {}),
    ]
    assert runs[1].created_at == AT  # without a time it cannot be ruled out
    assert client.called == {"until": AT}


def test_a_download_begins_an_empty_sink_and_prefers_the_id() -> None:
    client = FakeClient(Download(3, "ab", "image/png", "png"))
    gateway = HautechGateway(client, GatewayConfig(output_max_bytes=99))  # type: ignore[arg-type] # a stand-in
    sink = io.BytesIO(b"half of an earlier try")
    sink.seek(5)
    picture = gateway.download(ImageRef(image_id="i-1"), sink)
    assert (picture.content_type, picture.size_bytes, picture.sha256) == ("image/png", 3, "ab")
    assert sink.getvalue() == b""
    assert sink.tell() == 0
    assert client.called == {"image": "i-1", "sink": sink, "max_bytes": 99}
    gateway.download(ImageRef(url="https://files.hautech.ai/x"), sink)
    assert client.called["image"] == "https://files.hautech.ai/x"
