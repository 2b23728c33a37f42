"""The stand-in as a process of its own: announcement, secrets, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from sandbox.hautech import ControlClient, Credentials

ROOT = Path(__file__).parents[2]


def pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


@contextmanager
def process(
    credentials_file: Path, *more: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "sandbox.hautech"]
    with subprocess.Popen(
        [*command, "--credentials-file", str(credentials_file), *more],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running, json.loads(pipe(running.stdout).readline())
        finally:
            running.kill()


def test_process_announces_itself_and_keeps_secrets_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("left over, readable by all")
    path.chmod(0o644)
    with process(path, "--options", '{"balance": "7.5"}') as (running, announced):
        assert set(announced) == {"apiUrl", "mediaUrl", "controlUrl", "appId", "keyId"}
        assert path.stat().st_mode & 0o777 == 0o600
        credentials = Credentials.read(path)
        assert credentials.app_id == announced["appId"]
        url = announced["apiUrl"] + "/v1/accounts/self/balance"
        for token in (credentials.api_token, credentials.sign(now=datetime.now(UTC))):
            headers = {"Authorization": f"Bearer {token}"}
            with requests.get(url, headers=headers, timeout=10) as answer:
                assert answer.json() == {"balance": "7.5"}
        with ControlClient(announced["controlUrl"]) as control:
            control.set_options(balance="1")
            assert control.calls("account.balance") == 2
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        rest = pipe(running.stdout).read() + pipe(running.stderr).read()
        assert rest == ""
    assert not path.exists()


def test_links_name_what_stands_before_the_media_port(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with process(path, "--media-url", "http://127.0.0.1:9") as (_, announced):
        headers = {"Authorization": f"Bearer {Credentials.read(path).api_token}"}
        url = announced["apiUrl"] + "/v1/images/upload/initialize"
        with requests.post(url, headers=headers, timeout=10) as answer:
            link = answer.json()["uploadUrl"]
        assert link.startswith("http://127.0.0.1:9/uploads/")
        direct = announced["mediaUrl"] + link.removeprefix("http://127.0.0.1:9")
        with requests.put(direct, files={"file": ("a.png", b"bytes")}, timeout=10) as answer:
            assert "fileToken" in answer.json()


def test_process_ends_on_interrupt(tmp_path: Path) -> None:
    with process(tmp_path / "c.json") as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert pipe(running.stderr).read() == ""


def test_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    with process(tmp_path / "c.json", "--exit-with-parent") as (running, _):
        pipe(running.stdin).close()
        assert running.wait(20) == 0
        assert pipe(running.stderr).read() == ""


def test_process_stops_at_once_although_an_answer_is_being_delayed(tmp_path: Path) -> None:
    with process(tmp_path / "c.json") as (running, announced):
        with ControlClient(announced["controlUrl"]) as control:
            control.add_fault({"route": "*", "kind": "delay", "delaySeconds": 600})
        with pytest.raises(requests.ReadTimeout):
            requests.get(announced["apiUrl"] + "/v1/permissions/available", timeout=(5, 0.2))
        running.terminate()
        assert running.wait(20) == 0


def test_options_are_read_from_a_file_and_bad_ones_refused(tmp_path: Path) -> None:
    options = tmp_path / "options.json"
    options.write_text('{"balance": "3"}')
    with (
        process(tmp_path / "c.json", "--options", str(options)) as (_, announced),
        ControlClient(announced["controlUrl"]) as control,
    ):
        assert control.options()["balance"] == "3"
    command = [sys.executable, "-m", "sandbox.hautech", "--credentials-file", "unused.json"]
    refused = subprocess.run(
        [*command, "--options", '{"balanc": "3"}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "options.balanc: unknown" in refused.stderr
