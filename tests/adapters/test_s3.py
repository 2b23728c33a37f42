"""What only S3 does: bodies that break off, refusals and their reasons, what a PUT costs."""

import hashlib
import http.server
import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.clients import client_config
from worker.adapters.aws.s3 import S3ObjectStore
from worker.contracts.s3_uri import S3Uri
from worker.errors import (
    CredentialsRefusedError,
    ImageForbiddenError,
    ImageMissingError,
    ObjectChangedError,
    OutputDamagedError,
    OutputForbiddenError,
    ThrottledError,
    UnavailableError,
    WorkerError,
)
from worker.ports.objects import Reader

URI = S3Uri("catalog", "a.png")
DATA = b"0123456789" * 5000


class CuttingServer(http.server.BaseHTTPRequestHandler):
    """An S3 that promises all of DATA, sends a part of it and hangs up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(DATA[:30_000])
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def cutting() -> Iterator[S3ObjectStore]:
    with served(CuttingServer) as store:
        yield store


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[S3ObjectStore]:
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client: Any = Session().create_client(
        "s3",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{server.server_port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=client_config("s3", 2).merge(Config(proxies={}, s3={"addressing_style": "path"})),
    )
    try:
        yield S3ObjectStore(client)
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("size", [-1, 7_000, 50_000, 60_000])
def test_body_that_breaks_off_is_never_taken_for_complete(
    cutting: S3ObjectStore, size: int
) -> None:
    body = cutting.open(URI).body
    with pytest.raises(UnavailableError, match=r"s3://catalog/a\.png: \d+ bytes are missing"):
        read_all(body, size)
    body.close()


def read_all(body: Reader, size: int) -> None:
    while body.read(size):
        pass


def test_body_that_ends_early_without_saying_so_is_not_complete_either() -> None:
    class ShortClient:
        def get_object(self, **_: Any) -> dict[str, Any]:
            return {"Body": io.BytesIO(DATA[:10]), "ContentLength": 30, "ETag": '"e"'}

    client: Any = ShortClient()
    body = S3ObjectStore(client).open(URI).body
    assert body.read(10) == DATA[:10]
    with pytest.raises(UnavailableError, match="20 bytes are missing"):
        body.read(10)


class DamagingServer(http.server.BaseHTTPRequestHandler):
    """An S3 whose object was damaged on its way: its checksum is another one."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.send_header("ETag", '"e"')
        self.send_header("x-amz-checksum-crc32", "AAAAAA==")
        self.end_headers()
        self.wfile.write(DATA)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.mark.parametrize("size", [-1, 7_000, 50_000, 60_000])
def test_bytes_that_are_not_those_that_were_stored_are_not_taken_for_the_object(size: int) -> None:
    with served(DamagingServer) as damaging:
        body = damaging.open(URI).body
        with pytest.raises(UnavailableError, match="not those that were stored"):
            read_all(body, size)
        body.close()


class RefusingClient:
    def __init__(self, code: str, status: int, message: str = "no") -> None:
        self.error = ClientError(
            {
                "Error": {"Code": code, "Message": message},
                "ResponseMetadata": {
                    "HTTPStatusCode": status,
                    "RequestId": "r-1",
                    "HostId": "",
                    "HTTPHeaders": {},
                    "RetryAttempts": 0,
                },
            },
            "Operation",
        )

    def _refuse(self, **_: Any) -> Any:
        raise self.error

    get_object = put_object = head_object = copy_object = _refuse


def store_that_answers(code: str, status: int, message: str = "no") -> S3ObjectStore:
    client: Any = RefusingClient(code, status, message)
    return S3ObjectStore(client)


def put(store: S3ObjectStore) -> None:
    sha256 = hashlib.sha256(DATA).hexdigest()
    store.put(URI, DATA, size_bytes=len(DATA), content_type="image/png", sha256=sha256)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("NoSuchKey", 404, ImageMissingError),
        ("NoSuchVersion", 404, ImageMissingError),
        ("NoSuchBucket", 404, ImageMissingError),
        ("MethodNotAllowed", 405, ImageMissingError),
        ("AccessDenied", 403, ImageForbiddenError),
        ("InvalidObjectState", 403, ImageForbiddenError),
        ("KMS.DisabledException", 400, ImageForbiddenError),
        ("ExpiredToken", 400, CredentialsRefusedError),
        ("InvalidAccessKeyId", 403, CredentialsRefusedError),
        ("SignatureDoesNotMatch", 403, CredentialsRefusedError),
        ("RequestTimeTooSkewed", 403, CredentialsRefusedError),
        ("SlowDown", 503, ThrottledError),
        ("InternalError", 500, UnavailableError),
    ],
)
def test_each_answer_to_a_read_has_its_meaning(
    code: str, status: int, error: type[WorkerError]
) -> None:
    with pytest.raises(error, match=r"s3://catalog/a\.png"):
        store_that_answers(code, status).open(URI)


def test_refused_read_says_which_permission_and_what_else_it_may_be() -> None:
    with pytest.raises(ImageForbiddenError) as refused:
        store_that_answers("AccessDenied", 403).open(URI)
    assert "s3:GetObject " in refused.value.message
    assert "s3:ListBucket" in refused.value.message
    with pytest.raises(ImageForbiddenError, match="s3:GetObjectVersion"):
        store_that_answers("AccessDenied", 403).open(S3Uri("catalog", "a.png", "v1"))


KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def refused_with_key(action: str, resource: str) -> S3ObjectStore:
    """A store that answers as S3 does to a role which may not use the key."""
    said = (
        "User: arn:aws:sts::123456789012:assumed-role/worker/polls is not authorized to perform: "
        f"{action} on {resource} because no identity-based policy allows the {action} action"
    )
    return store_that_answers("AccessDenied", 403, said)


@pytest.mark.parametrize(
    ("resource", "named"),
    [(f"resource: {KEY}", KEY), ("this resource", "the KMS key")],
    ids=["named", "hidden"],
)
def test_who_may_not_use_the_key_is_told_so_and_not_that_the_object_is_refused(
    resource: str, named: str
) -> None:
    with pytest.raises(ImageForbiddenError, match=rf"allow kms:Decrypt on {named} to") as read:
        refused_with_key("kms:Decrypt", resource).open(URI)
    sealing = refused_with_key("kms:GenerateDataKey", resource)
    with pytest.raises(OutputForbiddenError, match=rf"allow kms:GenerateDataKey on {named} to"):
        put(sealing)
    with pytest.raises(OutputForbiddenError, match=rf"allow kms:GenerateDataKey on {named} to"):
        sealing.copy(URI, S3Uri("catalog", "b.png"), content_type="image/png", metadata={})

    assert "s3:GetObject" not in read.value.message


def test_version_id_of_the_wrong_form_is_a_missing_version() -> None:
    store = store_that_answers("InvalidArgument", 400, "Invalid version id specified")
    with pytest.raises(ImageMissingError, match="version v1"):
        store.open(S3Uri("catalog", "a.png", "v1"))


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("NoSuchBucket", 404, OutputForbiddenError),
        ("AccessDenied", 403, OutputForbiddenError),
        ("BadDigest", 400, OutputDamagedError),
        ("XAmzContentChecksumMismatch", 400, OutputDamagedError),
        ("ExpiredToken", 400, CredentialsRefusedError),
        ("SlowDown", 503, ThrottledError),
        ("ServiceUnavailable", 503, UnavailableError),
    ],
)
def test_each_answer_to_a_write_has_its_meaning(
    code: str, status: int, error: type[WorkerError]
) -> None:
    with pytest.raises(error, match=r"s3://catalog/a\.png"):
        put(store_that_answers(code, status))


def test_head_tells_missing_from_forbidden() -> None:
    assert store_that_answers("404", 404).head(URI) is None
    with pytest.raises(OutputForbiddenError, match="s3:GetObject"):
        store_that_answers("403", 403).head(URI)


def test_put_neither_waits_for_leave_nor_hashes_the_body_again(aws: DeployedAws) -> None:
    s3 = clients_for(aws).s3
    seen: list[dict[str, str]] = []

    def look(request: Any, **_: object) -> None:
        seen.append({name.lower(): str(value) for name, value in request.headers.items()})

    s3.meta.events.register("before-send.s3.PutObject", look)
    try:
        uri = S3Uri(aws.outputs.output_bucket_name, "a.png")
        with tempfile.TemporaryFile() as file:
            file.write(DATA)
            S3ObjectStore(s3).put(
                uri,
                file,
                size_bytes=len(DATA),
                content_type="image/png",
                sha256=hashlib.sha256(DATA).hexdigest(),
            )
    finally:
        s3.meta.events.unregister("before-send.s3.PutObject", look)
    (headers,) = seen
    assert "expect" not in headers
    assert "content-md5" not in headers
    assert "UNSIGNED-PAYLOAD" in headers["x-amz-content-sha256"]
    assert "x-amz-checksum-sha256" in headers
    assert not [
        name for name in headers if name.startswith(("x-amz-checksum-crc", "x-amz-trailer"))
    ]
    assert "chunked" not in headers.get("content-encoding", "") + headers.get(
        "transfer-encoding", ""
    )


class TakingMoment(RefusingClient):
    """Somebody puts something there between our look and our copy."""

    def head_object(self, **_: Any) -> Any:
        raise RefusingClient("404", 404).error


@pytest.mark.parametrize(
    ("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)]
)
def test_a_copy_that_s3_refuses_because_something_stands_there_says_so(
    code: str, status: int
) -> None:
    client: Any = TakingMoment(code, status)
    with pytest.raises(ObjectChangedError, match=r"s3://catalog/b\.png"):
        S3ObjectStore(client).copy(URI, S3Uri("catalog", "b.png"), content_type="x/y", metadata={})


def test_a_copy_has_its_condition_for_s3_to_decide_at_the_moment_of_the_write(
    aws: DeployedAws,
) -> None:
    # The emulators do not know it. Without it, two copies at once would both be made.
    s3 = clients_for(aws).s3
    seen: list[Any] = []

    def look(request: Any, **_: object) -> None:
        seen.append(request.headers["If-None-Match"])

    bucket = aws.outputs.output_bucket_name
    s3.put_object(Bucket=bucket, Key="a.png", Body=DATA)
    s3.meta.events.register("before-send.s3.CopyObject", look)
    try:
        S3ObjectStore(s3).copy(
            S3Uri(bucket, "a.png"), S3Uri(bucket, "b.png"), content_type="x/y", metadata={}
        )
    finally:
        s3.meta.events.unregister("before-send.s3.CopyObject", look)
    assert seen in (["*"], [b"*"])
