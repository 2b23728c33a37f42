"""`/healthz` (the process does its work), `/readyz` (it can do it now) and `/metrics`, for probers.

    /healthz  200 while both receivers run and no call of theirs hangs. Otherwise restart it.
    /readyz   200 while the last receive of both queues succeeded and no stop has begun.
              Otherwise leave it alone: trouble of others is not cured by a restart.

Held intake is in the answer and does not make it 503: the process follows what is paid for, and a
new one in its place would know less (decision 13).

Both answer JSON: reasons, if any, and counts. `/metrics` has the figures (`metrics.py`). Nothing secret
is in any of them.

The port is open to whoever reaches it, so it takes little: a handful of connections at once. Whoever
comes then takes the place of the one who has been there for longest; a probe needs a moment, and only
who sends nothing, or a letter now and then, stays.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import structlog

from worker.contracts.fields import rfc3339
from worker.engine.intake import Intake
from worker.errors import Problem, SettingsError
from worker.runtime.container import ContainerState
from worker.runtime.receiver import ReceiverState

_log = structlog.get_logger(__name__)

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Source: Prometheus, exposition formats."""

STUCK_CALL_S: Final = 120.0
"""A receive takes 20 s by itself and about 80 s with all timeouts and repetitions of the SDK."""

_CLIENT_TIMEOUT_S: Final = 5.0

MAX_CONNECTIONS: Final = 16
"""At once. Each has a thread and a file descriptor, which the work needs, too."""

_REFUSED_PAUSE_S: Final = 0.1


def liveness_reasons(state: ContainerState) -> list[str]:
    """Why the process should be restarted; empty when it should not."""
    reasons = []
    for kind, receiver in state.receivers.items():
        # While it stops, receivers end; that is no fault.
        if not receiver.is_alive and not state.is_stopping:
            reasons.append(f"{kind}: the receiver has ended")
        if receiver.call_age_s is not None and receiver.call_age_s > STUCK_CALL_S:
            reasons.append(f"{kind}: a receive hangs for {receiver.call_age_s:.0f} s")
    return reasons


def readiness_reasons(state: ContainerState) -> list[str]:
    """Why the process cannot take work now; empty when it can."""
    reasons = ["stopping"] if state.is_stopping else []
    for kind, receiver in state.receivers.items():
        if receiver.trouble is not None:
            reasons.append(f"{kind}: {receiver.trouble}")
        elif receiver.last_success_age_s is None:
            reasons.append(f"{kind}: nothing was received yet")
    return reasons + liveness_reasons(state)


class HealthServer:
    """Serves the two routes from a thread of its own; idle until somebody asks.

    Args:
        host: Address to listen on.
        port: TCP port; 0 takes any free one.
        state: Gives the present state.
        metrics: Gives the figures as text.

    Raises:
        SettingsError: The port cannot be opened; the message names the setting.
    """

    def __init__(
        self,
        host: str,
        port: int,
        state: Callable[[], ContainerState],
        metrics: Callable[[], bytes],
    ) -> None:
        try:
            self._server = _Server((host, port), _Handler)
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or str(error)
            rule = f"the health endpoints cannot listen on {host}: {said}"
            fix = "another port, 0 for any free one, or empty to turn them off"
            raise SettingsError([Problem("WORKER_HEALTH_PORT", str(port), rule, fix)]) from error
        self._server.state = state
        self._server.metrics = metrics
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that was opened."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()
        _log.info("health endpoints are up", action="health_started", port=self.port)

    def close(self) -> None:
        """Closes the port. A request that is under way may still be answered."""
        self._is_closing = True
        if self._thread.is_alive():
            with contextlib.suppress(OSError), self._wake_up_call():
                self._thread.join(1)
        self._server.server_close()

    def _wake_up_call(self) -> socket.socket:
        host, port = self._server.server_address[:2]
        # A socket that listens on all addresses is called on the loopback one.
        host = "127.0.0.1" if host in {"", "0.0.0.0"} else str(host)  # noqa: S104 - compared
        return socket.create_connection((host, port), timeout=1)

    def _run(self) -> None:
        # Not serve_forever: that looks up twice a second, also when nobody ever asks.
        while not self._is_closing:
            self._server.handle_request()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # in line with the system, which costs us nothing
    state: Callable[[], ContainerState]
    metrics: Callable[[], bytes]

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        """The oldest first."""
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Takes a connection. Raises OSError, which the base class passes over."""
        try:
            return super().get_request()
        except OSError:
            # Out of descriptors, say: the connection stays in line, and asking for it without a
            # pause would take a processor.
            time.sleep(_REFUSED_PAUSE_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread, and sends the oldest connection away when there are too many."""
        with self._lock:
            self._open.append(request)
            oldest = self._open[0] if len(self._open) > MAX_CONNECTIONS else None
            if oldest is not None:
                self._open.remove(oldest)
                # Its thread, which reads, finds the end of what comes, and closes it.
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection."""
        with self._lock:
            if request in self._open:
                self._open.remove(request)
        super().shutdown_request(request)

    def server_bind(self) -> None:
        """Opens the port, without asking DNS for our own name as the base class does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "hautech-worker", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A prober that hangs up is nobody's trouble."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CLIENT_TIMEOUT_S
    server_version = "hautech-worker"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers a probe."""
        route = self.path.partition("?")[0]
        if route == "/metrics":
            self._send(200, METRICS_TYPE, self.server.metrics())
            return
        reasons_of = {"/healthz": liveness_reasons, "/readyz": readiness_reasons}.get(route)
        if reasons_of is None:
            self._answer(404, {"error": "there are /healthz, /readyz and /metrics"})
            return
        state = self.server.state()
        reasons = reasons_of(state)
        self._answer(503 if reasons else 200, _document(state, reasons))

    do_HEAD = do_GET  # noqa: N815 - the base class looks for this name

    def _answer(self, status: int, document: dict[str, object]) -> None:
        self._send(status, "application/json", json.dumps(document).encode() + b"\n")

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Probes come every few seconds: they are not logged."""


def _document(state: ContainerState, reasons: list[str]) -> dict[str, object]:
    return {
        "status": "unavailable" if reasons else "ok",
        "reasons": reasons,
        "inHand": state.in_hand,
        "freeSlots": state.free_slots,
        "oldestInHandSeconds": round(state.oldest_in_hand_s, 1),
        "intake": _intake(state.intake),
        "queues": {str(kind): _queue(one) for kind, one in state.receivers.items()},
    }


def _intake(intake: Intake) -> dict[str, object]:
    return {
        "isHeld": intake.reason is not None,
        "reason": None if intake.reason is None else str(intake.reason),
        "nextTryAt": None if intake.until is None else rfc3339(intake.until),
    }


def _queue(receiver: ReceiverState) -> dict[str, object]:
    age_s = receiver.last_success_age_s
    return {
        "lastReceiveSecondsAgo": None if age_s is None else round(age_s, 1),
        "trouble": receiver.trouble,
    }
