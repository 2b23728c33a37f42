"""What HEALTHCHECK asks the worker in its container, and what it makes of the answer."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import cast

import pytest

from worker.runtime.probe import DEFAULT_PORT, probe
from worker.settings.reading import EnvironmentReader
from worker.settings.specs import SPECS


class _Answers(BaseHTTPRequestHandler):
    status = 200
    asked = ""

    def do_GET(self) -> None:
        type(self).asked = self.path
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"reasons": ["polls: the receiver has ended"]}\n')

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers like this; its port."""
    handler = cast("type[_Answers]", type("Answers", (_Answers,), {"status": status}))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()
    assert handler.asked == "/healthz"


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "127.0.0.1"])  # noqa: S104
def test_a_worker_that_says_it_is_well_is_healthy_wherever_it_listens(host):
    with answering(200) as port:
        environ = {"WORKER_HEALTH_PORT": port}
        if host is not None:
            environ["WORKER_HEALTH_HOST"] = host
        is_healthy, _ = probe(environ)
    assert is_healthy


def test_a_worker_that_says_it_is_not_well_is_unhealthy_and_its_reason_told():
    with answering(503) as port:
        is_healthy, said = probe({"WORKER_HEALTH_PORT": port})
    assert not is_healthy
    assert "the receiver has ended" in said


def test_no_proxy_is_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with answering(200) as port:
        assert probe({"WORKER_HEALTH_PORT": port})[0]


@pytest.mark.parametrize("port", ["1", "70000", "eighty", "0"])
def test_where_nobody_answers_it_is_unhealthy(port):
    is_healthy, said = probe({"WORKER_HEALTH_PORT": port})
    assert not is_healthy
    assert said


@pytest.mark.parametrize("port", ["", " ", "off", "None"])
def test_where_the_worker_turns_its_health_port_off_there_is_nothing_to_ask(port):
    assert EnvironmentReader({"WORKER_HEALTH_PORT": port}, None).port("WORKER_HEALTH_PORT") is None
    assert probe({"WORKER_HEALTH_PORT": port})[0]


def test_the_port_that_it_asks_by_default_is_the_one_that_the_worker_takes():
    assert SPECS["WORKER_HEALTH_PORT"].default == DEFAULT_PORT


def test_it_ends_with_a_code_and_a_reason():
    done = subprocess.run(
        [sys.executable, "-m", "worker.runtime.probe"],
        env={"PATH": os.defpath, "WORKER_HEALTH_PORT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("no answer from 127.0.0.1:1: ")
    assert done.stderr == ""


def test_it_imports_nothing_that_takes_long():
    """It runs every 30 s: the rest of the worker would take ten times as long to import."""
    code = "import sys, worker.runtime.probe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"structlog", "pydantic", "botocore", "worker.settings"} & {*done.stdout.split()}
