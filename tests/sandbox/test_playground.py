"""`make sandbox`: the service to play with, until Ctrl-C, and nothing afterwards."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from sandbox.aws.ministack import EmulatorMissingError, find_executable
from sandbox.envfile import EnvFile
from tests.support.aws import missing_need
from tests.support.demo_process import DEADLINE_S, DemoProcess

ROOT = Path(__file__).resolve().parents[2]
_TELL = "import json, os; print(json.dumps(dict(os.environ)))"


class PlaygroundProcess(DemoProcess):
    """As the demo's process, of `python -m sandbox`."""

    def __enter__(self) -> Self:
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", *self.arguments],
            cwd=self.folder,
            env=os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, name))
            for stream, name in ((self.process.stdout, "output"), (self.process.stderr, "errors"))
        ]
        for reader in self._readers:
            reader.start()
        return self

    @property
    def env_file(self) -> Path:
        return self.folder / ".sandbox" / "env"

    def until_it_runs(self) -> None:
        self.until(
            lambda: "Ctrl-C stops everything" in self.output or self.process.poll() is not None,
            "it runs",
        )

    def sourced(self) -> dict[str, str]:
        """The variables that a shell has after sourcing the file, and no others."""
        told = subprocess.run(
            ["/bin/sh", "-c", f'. "{self.env_file}"; exec "{sys.executable}" -c "$0"', _TELL],
            env={}, capture_output=True, text=True, check=True, timeout=DEADLINE_S,
        )  # fmt: skip
        variables: dict[str, str] = json.loads(told.stdout)
        return variables


@pytest.fixture(scope="module", autouse=True)
def _emulator_is_there() -> None:
    try:
        find_executable()
    except EmulatorMissingError as missing:
        missing_need(missing)


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaygroundProcess]:
    """A sandbox that runs."""
    folder = tmp_path_factory.mktemp("playground")
    with PlaygroundProcess(folder, ("--pipeline-seconds", "0")) as playground:
        playground.until_it_runs()
        assert playground.errors == ""
        yield playground


def test_a_submitted_request_becomes_a_picture(playground: PlaygroundProcess) -> None:
    image, pose = re.findall(r"s3://\S+\.png", playground.output)

    done = subprocess.run(
        [sys.executable, "-m", "worker", "submit", "--image", image, "--pose", pose,
         "--aspect-ratio", "7:10", "--prompt", "a woman in a teal jacket", "--wait"],
        env=playground.sourced(), cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=DEADLINE_S,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "succeeded" in done.stdout + done.stderr


def test_doctor_finds_nothing_to_warn_of(playground: PlaygroundProcess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "worker", "doctor", "--json"],
        env=playground.sourced(), cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=DEADLINE_S,
    )  # fmt: skip

    findings = json.loads(done.stdout)["findings"]
    assert [one for one in findings if one["level"] in {"warning", "failed"}] == []


def test_a_second_one_in_the_same_folder_takes_nothing_away(
    playground: PlaygroundProcess,
) -> None:
    before = playground.env_file.read_text()

    done = subprocess.run(
        [sys.executable, "-m", "sandbox"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=playground.folder, capture_output=True,
        text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip

    assert done.returncode == 2
    assert "a sandbox is running here already (.sandbox/env); stop it" in done.stderr
    assert "starting" not in done.stdout
    assert playground.env_file.read_text() == before


def test_the_addresses_that_it_tells_answer(playground: PlaygroundProcess) -> None:
    url = re.search(r"http://127\.0\.0\.1:\d+/healthz", playground.output)
    assert url is not None

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url[0], timeout=DEADLINE_S) as answer:
        assert answer.status == 200


def test_secrets_are_in_the_file_only_and_only_its_owner_can_read_it(
    playground: PlaygroundProcess,
) -> None:
    secret = playground.sourced()["HAUTECH_APP_KEY_SECRET"]

    assert secret in playground.env_file.read_text()
    assert stat.S_IMODE(playground.env_file.stat().st_mode) == 0o600
    assert secret not in playground.output + playground.errors


def test_ctrl_c_is_its_ordinary_end_and_leaves_nothing(tmp_path: Path) -> None:
    with PlaygroundProcess(tmp_path) as playground:
        playground.until_it_runs()
        assert playground.env_file.exists()
        playground.process.send_signal(signal.SIGINT)

        assert playground.wait() == 0
        assert len(playground.seen) >= 6
        assert playground.still_there() == []

    assert playground.errors == ""
    assert playground.output.endswith("everything that was started is gone again\n")
    assert [path for path in tmp_path.rglob("*") if path != playground.temporary] == []


def test_a_kill_leaves_no_process_and_the_next_run_replaces_the_file(tmp_path: Path) -> None:
    stale = tmp_path / ".sandbox" / "env"
    EnvFile(stale, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "KEY": "killed"})

    with PlaygroundProcess(tmp_path) as playground:
        playground.until_it_runs()
        assert "killed" not in stale.read_text()
        playground.process.kill()
        playground.wait()
        playground.until_all_are_gone()
        playground.until(lambda: not list(playground.temporary.iterdir()), "files are removed")


def test_ctrl_c_in_the_first_moment_is_no_stack_trace(tmp_path: Path) -> None:
    with PlaygroundProcess(tmp_path) as playground:
        playground.until(lambda: "Ctrl-C" in playground.output, "its first line")
        playground.process.send_signal(signal.SIGINT)
        playground.wait()

    assert playground.errors in {"", "stopped\n"}
    assert not playground.env_file.exists()
