"""Where a connection really goes is what counts: names that lead inside are refused in time."""

import io
import socket
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.connection import HTTPSConnection

from tests.unit.hautech.fakes import TOKEN, Clock
from tests.unit.hautech.raw_server import RawServer, Wire, raw_server, refused_port
from worker.hautech import (
    ClientConfig,
    ConnectTimedOutError,
    ForbiddenAddressError,
    ForbiddenUrlError,
    HautechClient,
    NotSentError,
    RedirectedError,
    StaticToken,
)
from worker.hautech.addresses import AddressGuard

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 8
IMAGE_ID = "5b5a3c0e-3f0f-4f5e-9a53-1f0f5c1c2b3a"


class NameServer:
    """Answers look-ups of names from a table, one answer after the other; the last one stays."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_rest: Any, **_named: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.names.get(host, [[host]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in found
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., NameServer]:
    def install(**table: list[list[str]]) -> NameServer:
        server = NameServer(**table)
        monkeypatch.setattr(socket, "getaddrinfo", server)
        return server

    return install


def client(**settings: Any) -> HautechClient:
    return HautechClient(ClientConfig(**settings), StaticToken(TOKEN))


def silent(wire: Wire) -> None:
    wire.read_request()


def answering(body: bytes, status: str = "200 OK") -> Callable[[Wire], None]:
    def answer(wire: Wire) -> None:
        wire.read_request()
        wire.answer(body, status=status)

    return answer


def seen_by(server: RawServer) -> tuple[int, list[bytes]]:
    return server.connections, server.requests


@pytest.mark.parametrize(
    ("address", "called"),
    [
        ("127.0.0.1", "the machine itself"),
        ("::1", "the machine itself"),
        ("::ffff:127.0.0.1", "the machine itself"),
        ("169.254.169.254", "a link-local, metadata"),
        ("fd00:ec2::254", "a link-local, metadata"),
        ("10.0.0.5", "a private address"),
        ("0.0.0.0", "a link-local, metadata"),  # noqa: S104 - that is what is refused
    ],
)
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    names: Callable[..., NameServer], address: str, called: str
) -> None:
    names(api_hautech_ai=[[address]])
    with raw_server(silent) as server, pytest.raises(ForbiddenAddressError) as caught:
        client(api_url=f"https://api.hautech.ai:{server.port}").get_account()
    assert seen_by(server) == (0, [])
    assert f"host 'api.hautech.ai' leads to {address}, {called}" in str(caught.value)
    assert "nothing was sent" in str(caught.value)
    assert str(caught.value).startswith("GET /v1/accounts/self")
    assert ("HAUTECH_PRIVATE_HOSTS" in str(caught.value)) is (address == "10.0.0.5")


def test_a_refused_address_costs_one_look_up_and_is_no_reason_to_start_over(
    names: Callable[..., NameServer],
) -> None:
    server = names(api_hautech_ai=[["10.0.0.5"]])
    with pytest.raises(ForbiddenAddressError):
        client().upload_image(
            lambda: io.BytesIO(PNG), filename="a.png", content_type="image/png", size_bytes=16
        )
    assert server.asked == ["api.hautech.ai"]


def test_the_second_answer_of_a_name_server_is_never_asked_for(
    names: Callable[..., NameServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What would be checked is public; what a second look-up gives is the machine itself.
    server = names(localhost=[["127.0.0.1"], ["169.254.169.254"]])
    connected: list[Any] = []
    true_connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        true_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    with raw_server(answering(b'["a"]')) as web:
        found = client(api_url=f"http://localhost:{web.port}").list_permissions()
    assert found == ("a",)
    assert connected == ["127.0.0.1"]
    assert server.asked[0] == "localhost"
    assert "localhost" not in server.asked[1:]  # from then on it is an address


def test_of_several_addresses_only_the_allowed_ones_are_tried(
    names: Callable[..., NameServer],
) -> None:
    names(localhost=[["10.0.0.5", "169.254.169.254", "127.0.0.1"]])
    with raw_server(answering(b"[]")) as web:
        assert client(api_url=f"http://localhost:{web.port}").list_permissions() == ()


def test_the_next_address_is_tried_when_one_does_not_answer(
    names: Callable[..., NameServer],
) -> None:
    names(localhost=[["127.0.0.9", "127.0.0.1"]])
    with raw_server(answering(b"[]")) as web:
        assert client(api_url=f"http://localhost:{web.port}").list_permissions() == ()
        # The server is told the name, not the address.
        assert f"Host: localhost:{web.port}".encode() in web.requests[0]


@pytest.mark.parametrize(
    ("deadline_s", "waits_s"), [(20.0, [5.0] * 4), (12.0, [5.0, 5.0, 2.0]), (90.0, [5.0] * 7)]
)
def test_a_paid_call_whose_time_was_used_up_by_dead_addresses_is_not_sent(
    names: Callable[..., NameServer],
    monkeypatch: pytest.MonkeyPatch,
    deadline_s: float,
    waits_s: list[float],
) -> None:
    names(localhost=[[*(f"127.0.0.{last}" for last in range(2, 9)), "127.0.0.1"]])
    clock = Clock()
    waited_s: list[float] = []
    true_connect = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if address[0] == "127.0.0.1":
            return true_connect(self, address)
        waited_s.append(self.gettimeout() or 0.0)
        clock.now_s += waited_s[-1]
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with raw_server(answering(b'{"pipelineId": "p-1"}', "201 Created")) as web:
        config = ClientConfig(api_url=f"http://localhost:{web.port}", connect_timeout_s=5.0)
        hautech = HautechClient(config, StaticToken(TOKEN), monotonic=clock)
        if deadline_s > 40.0:
            hautech.run_workflow("w-1", {}, metadata={}, deadline_s=deadline_s)
            assert len(web.requests) == 1
        else:
            with pytest.raises(ConnectTimedOutError, match="nothing was sent"):
                hautech.run_workflow("w-1", {}, metadata={}, deadline_s=deadline_s)
            assert seen_by(web) == (0, [])
    assert waited_s == waits_s


@pytest.mark.parametrize("proxy_url", [None, "http://proxy.example:3128"])
def test_a_paid_call_whose_time_was_used_up_by_tls_or_a_proxy_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, proxy_url: str | None
) -> None:
    clock = Clock()
    ours, theirs = socket.socketpair()

    def connect(self: HTTPSConnection) -> None:
        clock.now_s += 20.5
        self.sock = ours
        self.is_verified = self.proxy_is_verified = True

    monkeypatch.setattr(HTTPSConnection, "connect", connect)
    with ours, theirs:
        hautech = HautechClient(
            ClientConfig(proxy_url=proxy_url), StaticToken(TOKEN), monotonic=clock
        )
        with pytest.raises(NotSentError, match="nothing was sent"):
            hautech.run_workflow("w-1", {}, metadata={}, deadline_s=20.0)
        ours.close()
        assert theirs.recv(1) == b""


def test_a_name_without_address_and_a_dead_port_are_told_apart_from_a_refusal(
    names: Callable[..., NameServer],
) -> None:
    names(api_hautech_ai=[[]])
    with pytest.raises(NotSentError, match="Name or service not known") as unknown:
        client().list_permissions()
    with pytest.raises(NotSentError, match="refused") as dead:
        client(api_url=f"http://127.0.0.1:{refused_port()}").list_permissions()
    for caught in (unknown, dead):
        assert not isinstance(caught.value, ForbiddenUrlError)


def test_behind_a_proxy_the_proxy_resolves(names: Callable[..., NameServer]) -> None:
    asked = names(api_hautech_ai=[["10.0.0.5"]]).asked
    with raw_server(answering(b"", status="403 No")) as web:
        proxied = client(proxy_url=f"http://127.0.0.1:{web.port}")
        with pytest.raises(NotSentError, match="proxy"):
            proxied.list_permissions()
        assert web.requests[0].startswith(b"CONNECT api.hautech.ai:443")
    assert "api.hautech.ai" not in asked


def _redirect_to(url: str, status: str) -> Callable[[Wire], None]:
    def answer(wire: Wire) -> None:
        while wire.read_request():
            wire.answer(b"", f"Location: {url}", status=status)

    return answer


_STATUSES = ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"]


@pytest.mark.parametrize("status", _STATUSES)
@pytest.mark.parametrize(
    "call",
    [
        lambda hautech: hautech.get_account(),
        lambda hautech: hautech.get_pipeline_status("p-1"),
        lambda hautech: hautech.list_pipelines(),
        lambda hautech: hautech.run_workflow("w-1", {}, metadata={}),
        lambda hautech: hautech.upload_image(
            lambda: io.BytesIO(PNG), filename="a.png", content_type="image/png", size_bytes=16
        ),
        lambda hautech: hautech.get_image(IMAGE_ID),
        lambda hautech: hautech.download_image(IMAGE_ID, io.BytesIO(), max_bytes=100),
    ],
    ids=["account", "status", "list", "run", "upload", "image", "download"],
)
def test_no_call_of_the_api_follows_a_redirect_even_to_an_allowed_host(
    call: Callable[[HautechClient], Any], status: str
) -> None:
    with (
        raw_server(silent) as elsewhere,
        raw_server(_redirect_to(f"{elsewhere.url}/steal", status)) as web,
        pytest.raises(RedirectedError, match="not followed"),
    ):
        call(client(api_url=web.url))
    assert seen_by(elsewhere) == (0, [])


@pytest.mark.parametrize("status", _STATUSES)
def test_the_upload_of_the_bytes_follows_no_redirect(status: str) -> None:
    def initialize(wire: Wire) -> None:
        wire.read_request()
        wire.answer(f'{{"uploadUrl": "http://127.0.0.1:{store.port}/put?sig=x"}}'.encode())

    with (
        raw_server(silent) as elsewhere,
        raw_server(_redirect_to(f"{elsewhere.url}/steal", status)) as store,
        raw_server(initialize) as web,
        pytest.raises(RedirectedError),
    ):
        client(api_url=web.url).upload_image(
            lambda: io.BytesIO(PNG), filename="a.png", content_type="image/png", size_bytes=16
        )
    assert seen_by(elsewhere) == (0, [])


def test_a_download_is_led_on_within_the_allowed_hosts_without_a_token_and_nowhere_else() -> None:
    def picture(wire: Wire) -> None:
        wire.read_request()
        wire.answer(PNG)

    with (
        raw_server(picture) as inside,
        raw_server(_redirect_to(f"{inside.url}/b?sig=2", "302 Found")) as web,
    ):
        sink = io.BytesIO()
        client(api_url=web.url).download_image(f"{web.url}/a?sig=1", sink, max_bytes=100)
        assert sink.getvalue() == PNG
        assert TOKEN.encode() not in b"".join(inside.requests + web.requests)
    for outside in (
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:7f00:1]/x",
        "http://10.0.0.5/x",
        "https://evil.example/x",
        "file:///etc/passwd",
        "//evil.example/x",
        "https:\\\\evil.example/x",
    ):
        with (
            raw_server(_redirect_to(outside, "302 Found")) as web,
            pytest.raises(ForbiddenUrlError, match="download link"),
        ):
            client(api_url=web.url).download_image(f"{web.url}/a", io.BytesIO(), max_bytes=9)


def test_a_picture_behind_a_name_that_leads_inside_is_not_fetched(
    names: Callable[..., NameServer],
) -> None:
    names(cdn_hautech_ai=[["127.0.0.1"]])
    with raw_server(silent) as server:
        link = f"https://cdn.hautech.ai:{server.port}/a.png?sig=hush"
        with pytest.raises(ForbiddenAddressError) as caught:
            client().download_image(link, io.BytesIO(), max_bytes=100)
    assert seen_by(server) == (0, [])
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_idle_connection_is_used_again_without_a_second_look_up(
    names: Callable[..., NameServer],
) -> None:
    def twice(wire: Wire) -> None:
        while wire.read_request():
            wire.answer(b"[]")

    server = names(localhost=[["127.0.0.1"]])
    with raw_server(twice) as web:
        hautech = client(api_url=f"http://localhost:{web.port}")
        hautech.list_permissions()
        hautech.list_permissions()
        assert web.connections == 1
        hautech.close()
    assert server.asked.count("localhost") == 1


def test_the_guard_is_asked_for_every_new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    true_allows = AddressGuard.allows

    def watched(self: AddressGuard, host: str, address: str) -> bool:
        asked.append((host, address))
        return true_allows(self, host, address)

    monkeypatch.setattr(AddressGuard, "allows", watched)
    with raw_server(answering(b"[]")) as web:
        hautech = client(api_url=web.url)
        hautech.list_permissions()
        hautech.list_permissions()
    assert asked == [("127.0.0.1", "127.0.0.1")] * 2
