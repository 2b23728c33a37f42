"""An upload is three calls, started over where that gives a sure result, and never held whole."""

import io
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest
import requests
from urllib3 import exceptions as urllib3_errors

from tests.unit.hautech.fakes import Clock, FakeNetwork, Reply, client_of
from tests.unit.hautech.raw_server import raw_server
from worker.hautech import (
    AnswerUnknownError,
    BadRequestError,
    BodySizeError,
    ClientConfig,
    DeadlineExceededError,
    ForbiddenUrlError,
    HautechClient,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    StaticToken,
)

LINK = "https://upload.hautech.ai/up?sig=hush"
INIT = Reply(200, {"uploadUrl": LINK})
PUT = Reply(200, {"fileToken": "t-1"})
DONE = Reply(201, {"id": "i-1", "width": 8, "height": 8})
LOST = requests.ConnectionError(
    urllib3_errors.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
)
STEPS = ["initialize", "/up?sig=hush", "finalize"]
BYTES = bytes(range(256)) * 1000


class Source(io.BytesIO):
    """Remembers how it was read."""

    largest_read = 0

    def read(self, size: Any = -1, /) -> Any:
        self.largest_read = max(self.largest_read, size)
        return super().read(size)


def upload(
    network: Any,
    data: Any = BYTES,
    *,
    size_bytes: Any = None,
    clock: Any = None,
    sources: Any = None,
    **options: Any,
) -> Any:
    def open_body() -> Any:
        source = Source(data)
        (sources if sources is not None else []).append(source)
        return source

    settings = {"filename": "a.png", "content_type": "image/png", "ttl_s": None} | options
    return client_of(network, clock=clock).upload_image(
        open_body, size_bytes=len(data) if size_bytes is None else size_bytes, **settings
    )


def steps(network: Any) -> Any:
    return [one.path.removeprefix("/v1/images/upload/") for one in network.seen]


def test_three_calls_make_an_image() -> None:
    network = FakeNetwork(INIT, PUT, DONE)
    assert upload(network, ttl_s=90_000).image_id == "i-1"
    assert steps(network) == STEPS
    start, put, finish = network.seen
    assert start.body is None
    assert "Content-Type" not in start.headers
    assert start.headers["Content-Length"] == "0"
    assert finish.json == {"fileToken": "t-1", "ttlSeconds": 90_000}
    assert "Authorization" in start.headers
    assert "Authorization" in finish.headers
    assert "Authorization" not in put.headers
    assert network.timeouts[1] == (10.0, 120.0)


def test_the_form_has_one_file_part_with_name_type_and_exact_length() -> None:
    network = FakeNetwork(INIT, PUT, DONE)
    upload(network, filename='kü"rta\r\n.png')
    put = network.seen[1]
    assert put.body is not None
    assert put.headers["Content-Length"] == str(len(put.body))
    head = f"Content-Type: {put.headers['Content-Type']}\r\n\r\n".encode()
    (part,) = BytesParser(policy=HTTP).parsebytes(head + put.body).iter_parts()
    assert part.get_content_type() == "image/png"
    assert part.get_payload(decode=True) == BYTES
    assert 'name="file"; filename="kü%22rta%0D%0A.png"'.encode() in put.body


def test_without_a_ttl_none_is_sent() -> None:
    network = FakeNetwork(INIT, PUT, DONE)
    upload(network)
    assert network.seen[2].json == {"fileToken": "t-1"}


def test_the_source_is_read_in_pieces_and_closed() -> None:
    sources: list[Source] = []
    upload(FakeNetwork(INIT, PUT, DONE), sources=sources)
    (source,) = sources
    assert source.largest_read <= 64 * 1024
    assert source.closed


@pytest.mark.parametrize(
    "failure", [LOST, Reply(500), Reply(403), Reply(404), Reply(200, b"<html>"), Reply(200, {})]
)
def test_a_failed_second_step_starts_over_at_the_first(failure: Any) -> None:
    network = FakeNetwork(INIT, failure, INIT, PUT, DONE)
    sources: list[Source] = []
    assert upload(network, sources=sources).image_id == "i-1"
    assert steps(network) == [*STEPS[:2], *STEPS]
    assert network.seen[3].body is not None
    assert BYTES in network.seen[3].body
    assert [source.closed for source in sources] == [True, True]


def test_a_second_step_that_fails_twice_is_an_error_without_the_link() -> None:
    network = FakeNetwork(INIT, Reply(500), INIT, Reply(403))
    with pytest.raises(PermissionDeniedError) as caught:
        upload(network)
    assert "upload.hautech.ai" in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, BadRequestError), (413, BadRequestError), (429, RateLimitedError)]
)
def test_a_second_step_that_is_refused_for_good_is_not_repeated(status: Any, kind: Any) -> None:
    network = FakeNetwork(INIT, Reply(status))
    with pytest.raises(kind):
        upload(network)
    assert len(network.seen) == 2


@pytest.mark.parametrize("failure", [LOST, Reply(502), Reply(201, {}), Reply(201, b"")])
def test_an_unclear_third_step_is_asked_again_with_the_same_token(failure: Any) -> None:
    network = FakeNetwork(INIT, PUT, failure, DONE)
    assert upload(network).image_id == "i-1"
    assert steps(network) == [*STEPS, "finalize"]
    assert network.seen[2].json == network.seen[3].json


@pytest.mark.parametrize("second", [LOST, Reply(500), Reply(400), Reply(404)])
def test_a_third_step_that_stays_unclear_starts_over(second: Any) -> None:
    network = FakeNetwork(INIT, PUT, Reply(502), second, INIT, PUT, DONE)
    assert upload(network).image_id == "i-1"
    assert steps(network) == [*STEPS, "finalize", *STEPS]


def test_two_unclear_rounds_are_an_error() -> None:
    network = FakeNetwork(*[INIT, PUT, Reply(502), Reply(400)] * 2)
    with pytest.raises(ServerError):
        upload(network)
    assert not network.script


def test_a_third_step_that_is_refused_is_not_repeated() -> None:
    network = FakeNetwork(INIT, PUT, Reply(400, {"message": "not an image"}))
    with pytest.raises(BadRequestError, match="not an image"):
        upload(network)
    assert len(network.seen) == 3


def test_a_dropped_connection_at_the_first_step_is_repeated_once() -> None:
    network = FakeNetwork(LOST, INIT, PUT, DONE)
    assert upload(network).image_id == "i-1"
    with pytest.raises(AnswerUnknownError):
        upload(FakeNetwork(LOST, LOST))


@pytest.mark.parametrize(
    "url", ["https://evil.example/up", "http://upload.hautech.ai/up", "http://127.0.0.1/up"]
)
def test_an_upload_link_to_elsewhere_is_not_followed(url: Any) -> None:
    network = FakeNetwork(Reply(200, {"uploadUrl": url}))
    sources: list[Source] = []
    with pytest.raises(ForbiddenUrlError, match="upload link"):
        upload(network, sources=sources)
    assert len(network.seen) == 1
    assert sources == []


@pytest.mark.parametrize(("difference", "found"), [(1, "only 256000"), (-1, "more")])
def test_a_source_of_another_length_is_an_error(difference: Any, found: Any) -> None:
    network = FakeNetwork(INIT, PUT, DONE)
    sources: list[Source] = []
    with pytest.raises(BodySizeError, match=found):
        upload(network, size_bytes=len(BYTES) + difference, sources=sources)
    assert len(network.seen) <= 2
    assert sources[0].closed


def test_a_source_that_gives_more_than_asked_is_an_error() -> None:
    class Generous(io.BytesIO):
        def read(self, size: Any = -1, /) -> Any:
            return super().read(size + 5 if size > 0 else size)

    with pytest.raises(BodySizeError, match="more"):
        client_of(FakeNetwork(INIT, PUT, DONE)).upload_image(
            lambda: Generous(BYTES), filename="a", content_type="image/png", size_bytes=70_000
        )


@pytest.mark.parametrize(
    "failure", [ConnectionResetError(104, "S3"), RuntimeError("S3"), KeyError("S3")]
)
def test_an_error_of_the_source_comes_through_unchanged_on_a_real_connection(failure: Any) -> None:
    # On a real connection, as urllib3 swallows a reset while sending and waits for an answer.
    class Broken(io.BytesIO):
        def read(self, size: Any = -1, /) -> Any:
            if self.tell() > 100_000:
                raise failure
            return super().read(size)

    def behave(wire: Any) -> None:
        wire.read_request()
        wire.answer(f'{{"uploadUrl": "{wire.server.url}/up"}}'.encode())
        wire.read_request()

    with raw_server(behave) as server:
        config = ClientConfig(api_url=server.url)
        with (
            HautechClient(config, StaticToken("x")) as client,
            pytest.raises(type(failure)) as caught,
        ):
            client.upload_image(
                lambda: Broken(BYTES), filename="a", content_type="image/png", size_bytes=len(BYTES)
            )
    assert caught.value is failure
    assert server.connections == 1


def test_an_upload_that_drips_ends_at_its_deadline() -> None:
    with pytest.raises(DeadlineExceededError, match="too slow"):
        upload(FakeNetwork(INIT, PUT, DONE), clock=Clock(step_s=40.0))


def test_an_error_while_opening_the_source_comes_through_unchanged() -> None:
    def open_body() -> io.BytesIO:
        raise LookupError("no such key")

    with pytest.raises(LookupError, match="no such key"):
        client_of(FakeNetwork(INIT)).upload_image(
            open_body, filename="a", content_type="image/png", size_bytes=1
        )


@pytest.mark.parametrize(
    "wrong",
    [{"filename": ""}, {"ttl_s": 0}, {"size_bytes": 0}, {"content_type": "image/png\r\nX: y"}],
)
def test_arguments_out_of_range_are_refused_before_anything_is_sent(wrong: Any) -> None:
    with pytest.raises(ValueError, match="upload:"):
        upload(FakeNetwork(), **wrong)
