"""An answer of AWS that breaks off is no answer, and never "there is nothing"."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pytest

from tests.unit.hautech.raw_server import RawServer, Wire, raw_server
from worker.adapters.aws.clients import AwsClients
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.s3 import S3ObjectStore
from worker.contracts.s3_uri import S3Uri
from worker.errors import UnavailableError

NO_ITEM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{}"
)
OBJECT = (
    b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 10\r\n"
    b'ETag: "abc"\r\nx-amz-request-id: 1\r\n\r\n0123456789'
)
URI = S3Uri("bucket", "key.png")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[RawServer], AwsClients]]:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    opened: list[AwsClients] = []

    def clients(server: RawServer) -> AwsClients:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        opened.append(AwsClients(2))
        return opened[-1]

    yield clients
    for one in opened:
        one.close()


def cut(answer: bytes, length: int) -> Callable[[Wire], None]:
    """Sends so many bytes of an answer and ends the connection properly."""

    def behave(wire: Wire) -> None:
        if wire.read_request():
            wire.send(answer[:length])

    return behave


AwsFixture = Callable[[RawServer], AwsClients]


def test_a_whole_answer_may_say_that_there_is_no_such_job(aws: AwsFixture) -> None:
    with raw_server(cut(NO_ITEM, len(NO_ITEM))) as server:
        assert DynamoJobStore(aws(server).dynamodb, "jobs").load("sku-1") is None


@pytest.mark.parametrize("length", [17, 40, 60, 76, 79, 80, 81])
def test_no_job_is_missing_because_an_answer_broke_off(aws: AwsFixture, length: int) -> None:
    with raw_server(cut(NO_ITEM, length)) as server:
        store = DynamoJobStore(aws(server).dynamodb, "jobs")
        with pytest.raises(UnavailableError):
            store.load("sku-1")


@pytest.mark.parametrize("length", [17, 40, 60, 66, 75, 100, len(OBJECT) - 1])
def test_an_object_whose_header_broke_off_is_read_again(aws: AwsFixture, length: int) -> None:
    with raw_server(cut(OBJECT, length)) as server:
        store = S3ObjectStore(aws(server).s3)
        with pytest.raises(UnavailableError):
            store.open(URI).body.read()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["chunked", "without a body"],
)
def test_answers_that_need_no_length_count(aws: AwsFixture, answer: bytes) -> None:
    with raw_server(cut(answer, len(answer))) as server:
        assert DynamoJobStore(aws(server).dynamodb, "jobs").load("sku-1") is None


def test_a_missing_object_is_missing_although_head_answers_have_no_length(aws: AwsFixture) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\n\r\n"
    with raw_server(cut(answer, len(answer))) as server:
        assert S3ObjectStore(aws(server).s3).head(URI) is None


def test_a_stored_object_needs_no_more_than_the_status(aws: AwsFixture) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with raw_server(cut(answer, len(answer))) as server:
        S3ObjectStore(aws(server).s3).put(
            URI, io.BytesIO(b"x"), size_bytes=1, content_type="image/png", sha256="00" * 32
        )
