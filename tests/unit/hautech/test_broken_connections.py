"""On real sockets: what was never sent, what was sent and lost, and bodies that end early."""

import contextlib
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.hautech.raw_server import raw_server, refused_port
from tests.unit.hautech.test_download import PNG
from worker.hautech import (
    AnswerUnknownError,
    ClientConfig,
    ConnectTimedOutError,
    CutBodyError,
    DeadlineExceededError,
    HautechClient,
    InvalidAnswerError,
    NotSentError,
    ReadTimedOutError,
    StaticToken,
    TooLargeError,
)

ACCOUNT = b'{"id": "acc-1"}'


@contextlib.contextmanager
def client_at(url: str, **settings: Any) -> Iterator[HautechClient]:
    """A client on the real network stack, closed afterwards."""
    monotonic = settings.pop("monotonic", None)
    options = {} if monotonic is None else {"monotonic": monotonic}
    with HautechClient(ClientConfig(api_url=url, **settings), StaticToken("x"), **options) as one:
        yield one


def run(client: Any) -> Any:
    return client.run_workflow("w-1", {"prompt": "x"}, metadata={})


def test_a_refused_port_means_nothing_was_sent() -> None:
    with (
        client_at(f"http://127.0.0.1:{refused_port()}") as client,
        pytest.raises(NotSentError, match="Connection refused") as caught,
    ):
        run(client)
    assert not isinstance(caught.value, ConnectTimedOutError)


def test_a_peer_that_speaks_no_tls_means_nothing_was_sent() -> None:
    def behave(wire: Any) -> None:
        wire.connection.recv(1024)
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(behave) as server:
        url = f"https://127.0.0.1:{server.port}"
        with client_at(url) as client, pytest.raises(NotSentError, match="TLS"):
            run(client)


@pytest.mark.parametrize("how", ["reset", "close", "half a status line"])
def test_a_run_that_was_read_and_not_answered_is_unknown_and_sent_once(how: Any) -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        if how == "reset":
            wire.reset()
        elif how == "half a status line":
            wire.send(b"HTT")

    with (
        raw_server(behave) as server,
        client_at(server.url) as client,
        pytest.raises(AnswerUnknownError),
    ):
        run(client)
    assert len(server.requests) == 1


def reset_early(wire: Any) -> None:
    """Resets with the request still unread; one byte of it proves that the connection stood."""
    wire.connection.recv(1)
    wire.reset()


def test_a_reset_before_the_request_was_read_is_unknown_too() -> None:
    with (
        raw_server(reset_early) as server,
        client_at(server.url) as client,
        pytest.raises(AnswerUnknownError),
    ):
        run(client)
    assert server.connections == 1


def answer_then_hang_up(wire: Any) -> None:
    """Answers one request as if to keep the connection, and hangs up when the next one comes."""
    wire.read_request()
    wire.answer(ACCOUNT)
    wire.connection.recv(1)
    wire.reset()


def answer_all(wire: Any) -> None:
    while wire.read_request():
        wire.answer(ACCOUNT)


def test_a_kept_connection_that_was_closed_is_unknown_for_a_run() -> None:
    with raw_server(answer_then_hang_up, answer_all) as server, client_at(server.url) as client:
        client.get_account()
        with pytest.raises(AnswerUnknownError):
            run(client)
        assert server.connections == 1


def test_a_kept_connection_that_was_closed_is_no_matter_for_a_read() -> None:
    with raw_server(answer_then_hang_up, answer_all) as server, client_at(server.url) as client:
        client.get_account()
        assert client.get_account().account_id == "acc-1"
        assert server.connections == 2


def test_a_read_that_is_dropped_twice_is_an_error() -> None:
    with (
        raw_server(reset_early) as server,
        client_at(server.url) as client,
        pytest.raises(AnswerUnknownError),
    ):
        client.get_account()
    assert server.connections == 2


def test_connections_are_kept_and_used_again() -> None:
    with raw_server(answer_all) as server, client_at(server.url) as client:
        for _ in range(5):
            client.get_account()
        assert server.connections == 1


def test_connections_are_kept_after_errors_too() -> None:
    def behave(wire: Any) -> None:
        while wire.read_request():
            wire.answer(b'{"message": "no"}', status="404 Not Found")

    with raw_server(behave) as server, client_at(server.url) as client:
        for _ in range(3):
            with pytest.raises(Exception, match="404"):
                client.get_account()
        assert server.connections == 1


def test_cookies_are_neither_kept_nor_sent() -> None:
    def behave(wire: Any) -> None:
        while wire.read_request():
            wire.answer(ACCOUNT, "Set-Cookie: a=1; Path=/")

    with raw_server(behave) as server, client_at(server.url) as client:
        client.get_account()
        client.get_account()
    assert all(b"cookie" not in request.lower() for request in server.requests)


def test_the_environment_and_netrc_are_not_looked_at(monkeypatch: Any, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hush\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{refused_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with raw_server(answer_all) as server, client_at(server.url) as client:
        client.get_account()
    assert b"Authorization: Bearer x\r\n" in server.requests[0]


def test_silence_ends_with_the_read_timeout() -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        wire.connection.recv(1)

    with (
        raw_server(behave) as server,
        client_at(server.url, read_timeout_s=0.05) as client,
        pytest.raises(ReadTimedOutError, match=r"0\.05 s"),
    ):
        run(client)
    assert len(server.requests) == 1


def half_json(wire: Any, *, framing: Any) -> None:
    wire.read_request()
    head = {
        "length": "Content-Length: 100",
        "chunks": "Transfer-Encoding: chunked",
        "chunk size": "Transfer-Encoding: chunked",
        "nothing": "Connection: close",
    }[framing]
    body = {
        "length": ACCOUNT,
        "chunks": b"40\r\n" + ACCOUNT,
        "chunk size": b"f\r\n" + ACCOUNT + b"\r\n",
        "nothing": ACCOUNT[:-3],
    }[framing]
    wire.send(b"HTTP/1.1 200 OK\r\n" + head.encode() + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("framing", "kind"),
    [
        ("length", CutBodyError),
        ("chunks", CutBodyError),
        ("chunk size", CutBodyError),
        ("nothing", InvalidAnswerError),
    ],
)
def test_a_json_body_that_is_cut_is_never_taken_for_whole(framing: Any, kind: Any) -> None:
    with (
        raw_server(lambda wire: half_json(wire, framing=framing)) as server,
        client_at(server.url) as client,
        pytest.raises(kind),
    ):
        client.get_account()


@pytest.mark.parametrize("framing", ["length", "chunks", "chunk size", "nothing"])
def test_a_run_whose_answer_is_cut_is_unknown(framing: Any) -> None:
    with (
        raw_server(lambda wire: half_json(wire, framing=framing)) as server,
        client_at(server.url) as client,
        pytest.raises(AnswerUnknownError),
    ):
        run(client)
    assert len(server.requests) == 1


def test_an_error_status_counts_even_when_its_body_is_cut() -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        wire.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\ngone")

    with (
        raw_server(behave) as server,
        client_at(server.url) as client,
        pytest.raises(Exception, match="HTTP 404: gone"),
    ):
        client.get_account()


def download(server: Any, client: Any, **options: Any) -> Any:
    sink = io.BytesIO()
    done = client.download_image(f"{server.url}/a.png", sink, max_bytes=10**6, **options)
    return done, sink.getvalue()


def test_a_whole_picture_comes_in_every_framing() -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        wire.answer(PNG)
        wire.read_request()
        middle = len(PNG) // 2
        chunks = [PNG[:middle], PNG[middle:], b""]
        body = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in chunks)
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PNG)

    with raw_server(behave) as server, client_at(server.url) as client:
        for _ in range(3):
            assert download(server, client)[1] == PNG
        assert server.connections == 1


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: %d" % len(PNG), PNG[:-20]),
        (b"Connection: close", PNG[:-20]),
        (b"Transfer-Encoding: chunked", b"%x\r\n%s" % (len(PNG), PNG[:-20])),
        (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(PNG), PNG)),
        (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(PNG) - 20, PNG[:-20])),
    ],
    ids=["length", "no length", "within a chunk", "before the last chunk", "well-formed chunks"],
)
def test_a_picture_that_is_cut_is_never_taken_for_whole(head: Any, body: Any) -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)

    with (
        raw_server(behave) as server,
        client_at(server.url) as client,
        pytest.raises(CutBodyError),
    ):
        download(server, client)


def test_chunks_count_where_a_length_contradicts_them() -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.send(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PNG), PNG))

    with raw_server(behave) as server, client_at(server.url) as client:
        assert download(server, client)[1] == PNG


def test_a_connection_with_an_unread_answer_is_not_used_again() -> None:
    def announce_too_much(wire: Any) -> None:
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        wire.connection.recv(1)

    def start(wire: Any) -> None:
        wire.read_request()
        wire.answer(b'{"pipelineId": "p-1"}')

    with raw_server(announce_too_much, start) as server, client_at(server.url) as client:
        with pytest.raises(TooLargeError):
            client.download_image(f"{server.url}/a.png", io.BytesIO(), max_bytes=10)
        assert run(client) == "p-1"
        assert server.connections == 2


def test_a_picture_that_drips_ends_at_the_deadline_and_not_at_its_end() -> None:
    # Every piece arrives well within the read timeout; only the clock says that it takes for ever.
    ticks = iter(range(0, 100_000, 10))

    def behave(wire: Any) -> None:
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PNG))
        wire.send(PNG[:1000])
        wire.connection.recv(1)  # the rest never comes, and the client must not wait for it

    with (
        raw_server(behave) as server,
        client_at(server.url, monotonic=lambda: float(next(ticks))) as client,
        pytest.raises(DeadlineExceededError, match="1000 bytes came"),
    ):
        download(server, client, deadline_s=25.0)


def test_json_that_drips_ends_at_the_read_timeout_as_a_whole() -> None:
    ticks = iter(range(0, 10_000, 30))

    def behave(wire: Any) -> None:
        wire.read_request()
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                wire.send(b"1\r\n \r\n")

    with (
        raw_server(behave) as server,
        client_at(server.url, monotonic=lambda: float(next(ticks))) as client,
        pytest.raises(ReadTimedOutError, match="not complete"),
    ):
        client.get_account()


def test_a_signed_link_is_in_no_part_of_an_error_even_with_its_causes() -> None:
    url = f"http://127.0.0.1:{refused_port()}"
    with client_at(url) as client, pytest.raises(NotSentError) as caught:
        client.download_image(f"{url}/a?sig=hush", io.BytesIO(), max_bytes=10)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "hush" not in str(caught.value)


def test_a_proxy_is_used_when_configured_and_never_for_loopback() -> None:
    with raw_server(answer_all) as server:
        proxied = ClientConfig(
            api_url="https://api.hautech.ai", proxy_url=f"http://127.0.0.1:{refused_port()}"
        )
        with (
            HautechClient(proxied, StaticToken("x")) as client,
            pytest.raises(NotSentError, match="proxy"),
        ):
            client.get_account()
        with client_at(server.url, proxy_url=proxied.proxy_url) as client:
            assert client.get_account().account_id == "acc-1"


def endless_continues(wire: Any) -> None:
    for _ in range(2_000):
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.005)


def endless_header(wire: Any) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(2_000):
        wire.send(b"x")
        time.sleep(0.005)


@pytest.mark.parametrize("drip", [endless_continues, endless_header])
def test_a_header_that_drips_ends_at_the_read_timeout(drip: Any) -> None:
    def behave(wire: Any) -> None:
        wire.read_request()
        with contextlib.suppress(OSError):  # the client has hung up
            drip(wire)
            wire.answer(b'{"pipelineId": "p-1"}')

    with raw_server(behave) as server, client_at(server.url, read_timeout_s=0.5) as client:
        with pytest.raises(AnswerUnknownError, match=r"0\.5 s"):
            run(client)
        with pytest.raises(ReadTimedOutError):
            client.get_pipeline("p-1")
