"""Lambda's Runtime API on this machine, for functions that run under Lambda's own runtime client.

    test ── invoke(event) ──► server ◄── GET …/invocation/next ── python -m awslambdaric worker.….handler
         ◄── Answer ────────────────◄── POST …/invocation/ID/response, …/error, /runtime/init/error

Source: Lambda guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast

PATIENCE_S = 60.0
"""When a test gives up."""

_PREFIX = "/2018-06-01/runtime/"
_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:test"


@dataclass(slots=True)
class Answer:
    """What a function answered, and whether that came before its timeout."""

    document: Any
    is_error: bool
    was_in_time: bool


@dataclass(slots=True)
class Invocation:
    """One event on its way."""

    event: Any
    timeout_s: float
    name: str = field(default_factory=lambda: str(uuid.uuid4()))
    deadline_s: float = 0.0
    """On the clock on the wall, as Lambda says it."""
    answers: queue.Queue[Answer] = field(default_factory=queue.Queue)
    begun: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> Answer:
        """Waits for it."""
        return self.answers.get(timeout=PATIENCE_S)


class RuntimeApi:
    """The server; one function at a time asks it for events."""

    def __init__(self) -> None:
        self.init_errors: queue.Queue[Any] = queue.Queue()
        self._waiting: queue.Queue[Invocation] = queue.Queue()
        self._under_way: dict[str, Invocation] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler, bind_and_activate=True)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """Host and port, as `AWS_LAMBDA_RUNTIME_API` wants them."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def begin(self, event: Any, *, timeout_s: float = 60.0) -> Invocation:
        """Hands the event to the function as soon as it asks."""
        invocation = Invocation(event, timeout_s)
        self._waiting.put(invocation)
        return invocation

    def next_invocation(self) -> Invocation:
        """The next event; its time begins."""
        invocation = self._waiting.get()
        invocation.deadline_s = time.time() + invocation.timeout_s
        self._under_way[invocation.name] = invocation
        invocation.begun.set()
        return invocation

    def answered(self, name: str, document: Any, *, is_error: bool) -> None:
        """A function answered."""
        invocation = self._under_way.pop(name)
        was_in_time = time.time() < invocation.deadline_s
        invocation.answers.put(Answer(document, is_error, was_in_time))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: RuntimeApi

    def handle_error(self, *_: object) -> None:
        """A function that was killed has left its connection; nobody needs to read of it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        invocation = cast("_Server", self.server).api.next_invocation()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.name,
            "Lambda-Runtime-Deadline-Ms": f"{invocation.deadline_s * 1000:.0f}",
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            "Content-Type": "application/json",
        }
        self._send(200, json.dumps(invocation.event).encode(), headers)

    def do_POST(self) -> None:
        api = cast("_Server", self.server).api
        length = int(self.headers.get("Content-Length", 0))
        document = json.loads(self.rfile.read(length) or "null")
        path = self.path.removeprefix(_PREFIX)
        if path == "init/error":
            api.init_errors.put(document)
        else:
            _, name, kind = path.split("/")
            api.answered(name, document, is_error=kind == "error")
        self._send(202, b"{}", {})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Nothing: tests look at answers."""


@dataclass(frozen=True, slots=True)
class Function:
    """A running function: its process, and the Runtime API that it alone talks to."""

    process: subprocess.Popen[bytes]
    api: RuntimeApi
    log: Path

    def invoke(self, event: Any, *, timeout_s: float = 60.0) -> Answer:
        """Hands it an event and waits for its answer."""
        return self.api.begin(event, timeout_s=timeout_s).answer()


@contextmanager
def function(handler: str, environment: Mapping[str, str], log: Path) -> Iterator[Function]:
    """Lambda's runtime client with that handler, in a process of its own; killed at the end.

    Its Runtime API ends with it: the wait of a killed function for its next event would take the
    event of another one.
    """
    with RuntimeApi() as api, log.open("ab") as output:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            **environment,
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "test",
            "_HANDLER": handler,
        }
        command = [sys.executable, "-m", "awslambdaric", handler]
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield Function(process, api, log)
        finally:
            process.kill()
            process.wait(PATIENCE_S)
