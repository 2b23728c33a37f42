"""The TCP proxy: what gets through, what does not, and who has heard what when it did not."""

from __future__ import annotations

import asyncio
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from random import Random
from unittest.mock import Mock

import pytest

from sandbox.proxy import CALM, HOSTILE, Mischief, Mood, TcpProxy, draw_fate
from sandbox.proxy.exchanges import Connection, MoodSwitch
from sandbox.proxy.tcp_proxy import EXCHANGES
from tests.unit.hautech.raw_server import RawServer, Wire, raw_server

BODY = bytes(range(256)) * 300
DEADLINE_S = 20


def answers(wire: Wire) -> None:
    """Answers every request of a connection with the same large body."""
    while wire.read_request():
        wire.answer(BODY)


@pytest.fixture
def server() -> Iterator[RawServer]:
    with raw_server(answers) as running:
        yield running


@pytest.fixture
def proxy(server: RawServer) -> Iterator[TcpProxy]:
    with TcpProxy(seed=1) as running:
        running.aim_at(server.url)
        yield running


def ask(proxy: TcpProxy, body: bytes = b"") -> bytes | None:
    """The body of one answer; None when the connection was cut."""
    return ask_again(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=DEADLINE_S), body)


def ask_again(client: http.client.HTTPConnection, body: bytes = b"") -> bytes | None:
    """The same on a connection that may be open already; it is closed afterwards."""
    try:
        client.request("POST", "/", body=body)
        return client.getresponse().read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        client.close()


def wait_until(predicate: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not predicate():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_calm_proxy_changes_nothing_and_counts_exchanges(
    server: RawServer, proxy: TcpProxy
) -> None:
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=DEADLINE_S)
    for _ in range(3):
        client.request("POST", "/", body=b"x" * 100_000)
        assert client.getresponse().read() == BODY
    client.close()
    assert server.connections == 1
    assert all(request.endswith(b"x" * 100_000) for request in server.requests)
    assert proxy.counts() == {EXCHANGES: 3}


def test_an_exchange_that_is_cut_at_once_never_reaches_the_server(
    server: RawServer, proxy: TcpProxy
) -> None:
    proxy.set_mood(Mood(cut_at_once=1))
    assert [ask(proxy) for _ in range(5)] == [None] * 5
    assert server.requests == []
    assert proxy.counts() == {EXCHANGES: 5, Mischief.CUT_AT_ONCE: 5}


def test_a_cut_request_reaches_the_server_in_part(server: RawServer, proxy: TcpProxy) -> None:
    proxy.set_mood(Mood(cut_request=1, cut_within_bytes=1000))
    sent = b"y" * 200_000
    assert [ask(proxy, sent) for _ in range(8)] == [None] * 8
    wait_until(lambda: server.connections == 8)
    assert not any(request.endswith(sent) for request in server.requests)
    assert proxy.counts()[Mischief.CUT_REQUEST] == 8


def test_a_cut_answer_leaves_the_server_with_the_whole_request(
    server: RawServer, proxy: TcpProxy
) -> None:
    proxy.set_mood(Mood(cut_answer=1))
    assert [ask(proxy, b"paid") for _ in range(8)] == [None] * 8
    assert len(server.requests) == 8
    assert all(request.endswith(b"paid") for request in server.requests)


def test_the_client_of_a_cut_answer_gets_a_part_of_it_or_nothing(proxy: TcpProxy) -> None:
    proxy.set_mood(Mood(cut_answer=1, cut_within_bytes=1000))
    lengths = set()
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE_S) as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            received = b""
            try:
                while piece := client.recv(65536):
                    received += piece
            except ConnectionResetError:
                continue
            lengths.add(len(received))
    assert 0 in lengths
    assert any(length > 0 for length in lengths)
    assert max(lengths) < 1000


@pytest.mark.parametrize("mood", [Mood(delay=1, longest_delay_s=1e6)])
def test_a_delayed_request_arrives_when_the_proxy_calms_down(
    server: RawServer, proxy: TcpProxy, mood: Mood
) -> None:
    proxy.set_mood(mood)
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=DEADLINE_S)
    client.request("GET", "/")
    wait_until(lambda: Mischief.DELAY in proxy.counts())
    assert server.requests == []
    proxy.set_mood(CALM)
    assert client.getresponse().read() == BODY
    client.close()


def test_a_delayed_answer_was_heard_by_the_server(server: RawServer, proxy: TcpProxy) -> None:
    proxy.set_mood(Mood(delay_answer=1, longest_delay_s=1e6))
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=DEADLINE_S)
    client.request("GET", "/")
    wait_until(lambda: Mischief.DELAY_ANSWER in proxy.counts())
    assert len(server.requests) == 1
    proxy.set_mood(CALM)
    assert client.getresponse().read() == BODY
    client.close()


def test_a_dripping_answer_is_whole_in_the_end(proxy: TcpProxy) -> None:
    proxy.set_mood(Mood(drip=1, drip_bytes=7, drip_pause_s=0.001, longest_drip_s=0.05))
    assert ask(proxy) == BODY
    assert proxy.counts()[Mischief.DRIP] == 1


def test_a_connection_that_was_opened_calmly_is_not_safe_later(proxy: TcpProxy) -> None:
    client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=DEADLINE_S)
    client.request("GET", "/")
    assert client.getresponse().read() == BODY
    proxy.set_mood(Mood(cut_at_once=1))
    wait_until(lambda: ask(proxy) is None)
    assert ask_again(client) is None


def test_without_a_target_connections_are_refused() -> None:
    with TcpProxy() as proxy:
        assert ask(proxy) is None


def test_a_client_that_hangs_up_frees_the_server(server: RawServer, proxy: TcpProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE_S) as client:
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nonly this")
        wait_until(lambda: server.connections == 1)
    wait_until(lambda: len(server.requests) == 1)  # the read of its body ended
    assert server.requests[0].endswith(b"only this")


def test_nothing_is_left_when_the_proxy_ends(server: RawServer) -> None:
    with TcpProxy() as proxy:
        proxy.aim_at(server.url)
        client = socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE_S)
        client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nonly this")
        wait_until(lambda: server.connections == 1)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        pass
    finally:
        client.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=1)


class SlowReader(asyncio.StreamReader):
    """A side that says nothing, and takes its time to stop listening."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopping = asyncio.Event()

    async def read(self, _n: int = -1) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            self.is_stopping.set()
            await asyncio.sleep(0)
        raise AssertionError("nothing ends this wait but being cancelled")


def test_a_connection_that_just_ends_when_the_proxy_stops_is_closed_on_both_sides() -> None:
    writers = [Mock(spec=asyncio.StreamWriter), Mock(spec=asyncio.StreamWriter)]
    for writer in writers:
        writer.get_extra_info.return_value = None

    async def stop_in_between() -> None:
        hung_up, slow = asyncio.StreamReader(), SlowReader()
        hung_up.feed_eof()
        connection = Connection(
            (hung_up, writers[0]),
            (slow, writers[1]),
            switch=MoodSwitch(),
            random=Random(1),
            note=lambda _: None,
        )
        carrying = asyncio.ensure_future(connection.carry())
        await slow.is_stopping.wait()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying

    asyncio.run(stop_in_between())
    assert [writer.transport.abort.called for writer in writers] == [True, True]


def test_the_same_seed_gives_the_same_fates() -> None:
    first = [draw_fate(HOSTILE, random) for random in [Random("7/1")] for _ in range(200)]
    again = [draw_fate(HOSTILE, random) for random in [Random("7/1")] for _ in range(200)]
    other = [draw_fate(HOSTILE, random) for random in [Random("8/1")] for _ in range(200)]
    assert first == again
    assert first != other


def test_every_mischief_comes_as_often_as_its_share_and_within_its_bounds() -> None:
    random = Random(3)
    drawn = [draw_fate(HOSTILE, random) for _ in range(20_000)]
    for mischief, share in HOSTILE.shares():
        found = sum(fate.mischief is mischief for fate in drawn) / len(drawn)
        assert found == pytest.approx(share, rel=0.25)
    assert all(0 <= fate.after_bytes < HOSTILE.cut_within_bytes for fate in drawn)
    assert all(0 <= fate.delay_s <= HOSTILE.longest_delay_s for fate in drawn)


@pytest.mark.parametrize(
    "shares", [{"drip": -0.1}, {"drip": 0.6, "delay": 0.6}], ids=["negative", "above one"]
)
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="share"):
        Mood(**shares)  # type: ignore[arg-type]  # -- the keys are shares
