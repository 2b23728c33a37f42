"""A loopback HTTP proxy in front of the AWS emulator and the stand-in, which strikes as told.

Each upstream has a listener of its own. Answers are read whole and sent as raw bytes, so they can
be cut, dripped and damaged at will; links to the media host are rewritten to lead through here.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

from tests.faults.receipts import Receipts
from tests.faults.refusals import RawAnswer, refusal
from tests.faults.strikes import Blow, Strikes
from tests.faults.wire import Upstream, name_of

_UPSTREAM_S: Final = 20.0
_PATIENCE_S: Final = 10.0
"""A client that is not answered gives up long before."""

_PIECES: Final = 12
_PIECE_EVERY_S: Final = 0.01
_SOON: Final = 3
"""So many exchanges later a request that is late arrives after all."""

_REFUSED: Final = {
    Blow.THROTTLED: "throttled",
    Blow.BROKEN: "broken",
    Blow.BROKEN_AFTER: "broken",
    Blow.EXPIRED: "expired",
    Blow.SKEWED: "skewed",
}
_WITHOUT_EFFECT: Final = frozenset({Blow.THROTTLED, Blow.BROKEN, Blow.EXPIRED, Blow.SKEWED})
_OWN_HEADERS: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


class Gateway:
    """The proxy; a context manager that stops it.

    Args:
        upstreams: base URL of each other side.
        now: the world's time, which AWS's answers carry as their date.

    Attributes:
        strikes: what happens to which exchange.
        receipts: the receipt handles that queues have given out.
        queues: what each queue is for, by URL; exchanges with other queues are not told apart.
        is_forgetful: every connection is closed after its answer, so the next call resolves the
            host's name again.
    """

    def __init__(self, upstreams: dict[Upstream, str], *, now: Callable[[], datetime]) -> None:
        self.strikes = Strikes()
        self.receipts = Receipts()
        self.queues: dict[str, str] = {}
        self.is_forgetful = False
        self.now = now
        self._upstreams = upstreams
        self._lock = threading.Lock()
        self._late: list[_Late] = []
        self._servers = {name: _Server(self, name) for name in upstreams}

    def __enter__(self) -> Self:
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def url(self, upstream: Upstream) -> str:
        """Base URL of our listener for that upstream."""
        return f"http://127.0.0.1:{self._servers[upstream].server_port}"

    def forward(self, request: Request) -> RawAnswer:
        """What the other side answers, with links that lead through us."""
        parts = urlsplit(self._upstreams[request.upstream])
        host, port = parts.hostname or "", parts.port
        with closing(http.client.HTTPConnection(host, port, timeout=_UPSTREAM_S)) as upstream:
            upstream.putrequest(
                request.method, request.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers:
                if name.lower() != "connection":
                    upstream.putheader(name, value)
            upstream.endheaders(request.body)
            answer = upstream.getresponse()
            body = answer.read()
            headers = [pair for pair in answer.getheaders() if pair[0].lower() != "date"]
        if request.upstream == "aws":
            headers.append(("Date", format_datetime(self.now(), usegmt=True)))
        if request.upstream == "api":
            body = body.replace(self._upstreams["media"].encode(), self.url("media").encode())
        if request.call.startswith("sqs.receive"):
            self.receipts.note(request.body, body)
        return RawAnswer(answer.status, tuple(headers), body)

    def hold(self, request: Request, after: int | None) -> None:
        """Keeps a request that arrives so many exchanges later; None: at `release_late`."""
        with self._lock:
            self._late.append(_Late(request, after))

    def exchange_begins(self) -> None:
        """Lets requests arrive whose time has come."""
        with self._lock:
            for late in self._late:
                if late.after is not None:
                    late.after -= 1
            due = [late for late in self._late if late.after is not None and late.after < 0]
            self._late = [late for late in self._late if late not in due]
        for late in due:
            self.forward(late.request)

    def release_late(self) -> int:
        """Lets everything arrive that was held back; how many requests that were."""
        with self._lock:
            due, self._late = self._late, []
        for late in due:
            self.forward(late.request)
        return len(due)


class _Late:
    def __init__(self, request: Request, after: int | None) -> None:
        self.request = request
        self.after = after


class Request:
    """One request as it came in."""

    def __init__(self, gateway: Gateway, upstream: Upstream, handler: Any) -> None:
        self.upstream = upstream
        self.method: str = handler.command
        self.path: str = handler.path
        self.headers: list[tuple[str, str]] = list(handler.headers.items())
        length = int(handler.headers.get("Content-Length") or 0)
        self.body: bytes = handler.rfile.read(length) if length else b""
        by_name = {name.lower(): value for name, value in self.headers}
        self.call = name_of(upstream, self.method, self.path, by_name, self.body, gateway.queues)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, gateway: Gateway, upstream: Upstream) -> None:
        self.gateway = gateway
        self.upstream: Upstream = upstream
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is part of the game; the rig notices what it needs."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def handle_any(self) -> None:
        gateway = self.server.gateway
        request = Request(gateway, self.server.upstream, self)
        gateway.exchange_begins()
        blow = gateway.strikes.next_blow(request.call)
        match blow:
            case None:
                self._send(_wire(gateway.forward(request), self._closes(gateway), self.command))
            case Blow.DROP:
                self._hang_up()
            case Blow.DROP_AFTER:
                gateway.forward(request)
                self._hang_up()
            case Blow.LATE_SOON | Blow.LATE_LAST:
                gateway.hold(request, _SOON if blow is Blow.LATE_SOON else None)
                self._hang_up()
            case Blow.SILENCE:
                gateway.forward(request)
                self._wait_until_they_give_up()
            case _:
                self._strike(gateway, request, blow)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815 - names of http.server

    def _strike(self, gateway: Gateway, request: Request, blow: Blow) -> None:
        if blow in _REFUSED:
            if blow not in _WITHOUT_EFFECT:
                gateway.forward(request)
            answer = refusal(request.call, _REFUSED[blow])  # type: ignore[arg-type] # its keys
            self._send(_wire(answer, self._closes(gateway), self.command))
            return
        answer = gateway.forward(request)
        wire = _wire(_damaged(answer, blow), self._closes(gateway), self.command)
        match blow:
            case Blow.DRIP:
                self._drip(wire)
            case Blow.STALL:
                self._drip(wire[: len(wire) // 2])
                self._wait_until_they_give_up()
            case Blow.CUT:
                self._send(wire[: len(wire) - len(answer.body) // 2 - 1])
                self._hang_up()
            case _:
                self._send(wire)

    def _closes(self, gateway: Gateway) -> bool:
        if gateway.is_forgetful:
            self.close_connection = True
        return gateway.is_forgetful

    def _send(self, wire: bytes) -> None:
        self.wfile.write(wire)
        self.wfile.flush()

    def _drip(self, wire: bytes) -> None:
        size = max(1, len(wire) // _PIECES)
        for start in range(0, len(wire), size):
            self._send(wire[start : start + size])
            time.sleep(_PIECE_EVERY_S)

    def _hang_up(self) -> None:
        self.close_connection = True

    def _wait_until_they_give_up(self) -> None:
        self.close_connection = True
        self.connection.settimeout(_PATIENCE_S)
        with suppress(OSError):
            self.connection.recv(1)


def _wire(answer: RawAnswer, closes: bool, method: str) -> bytes:
    reason = http.client.responses.get(answer.status, "")
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    own = _OWN_HEADERS - {"content-length"} if method == "HEAD" else _OWN_HEADERS
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in own]
    if method != "HEAD":
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append(f"Connection: {'close' if closes else 'keep-alive'}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    return head if method == "HEAD" else head + answer.body


def _damaged(answer: RawAnswer, blow: Blow) -> RawAnswer:
    body = answer.body
    if blow is Blow.GARBAGE:
        body = bytes((index * 37 + 128) % 256 for index in range(len(body)))
    elif blow is Blow.FLIP:
        place = len(body) * 3 // 4
        body = body[:place] + bytes([body[place] ^ 0x20]) + body[place + 1 :]
    return RawAnswer(answer.status, answer.headers, body)
