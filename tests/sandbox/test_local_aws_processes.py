"""Emulators start clean on a port of their own and are gone afterwards, however we end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sandbox.aws import EmulatorError, MiniStack, MotoServer, deploy, processes
from sandbox.aws.ministack import EmulatorMissingError, free_loopback_port
from sandbox.aws.processes import EmulatorEndedError, GuardedProcess
from tests.support.aws import missing_need

DEADLINE_S = 30.0

OWNER = """
import sys
from sandbox.aws import MiniStack

with MiniStack() as ministack:
    print(ministack.pid, ministack.folder, flush=True)
    sys.stdin.read()
"""


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_S:g} s"
        time.sleep(0.02)


@pytest.fixture(scope="module", autouse=True)
def ministack() -> Iterator[MiniStack]:
    """One that stays up for the whole module; a missing emulator skips the module here."""
    try:
        emulator = MiniStack()
    except EmulatorMissingError as missing:
        missing_need(missing)
    with emulator:
        yield emulator


def test_ministack_is_gone_after_stop_and_so_is_its_folder() -> None:
    stopped = MiniStack()
    assert psutil.pid_exists(stopped.pid)
    assert stopped.folder.is_dir()

    stopped.stop()

    assert not psutil.pid_exists(stopped.pid)
    assert not stopped.folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", stopped.port)) != 0
    stopped.stop()  # a second time is no error


def test_moto_is_gone_after_stop() -> None:
    with MotoServer() as moto:
        assert psutil.pid_exists(moto.pid)
    assert not psutil.pid_exists(moto.pid)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_ministack_is_gone_when_its_owner_is_ended_by_a_signal(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the traceback of the KeyboardInterrupt
        text=True,
        start_new_session=True,
    ) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        assert psutil.pid_exists(int(pid))
        # To the whole group, as a terminal does.
        os.killpg(owner.pid, end)
        owner.wait(timeout=DEADLINE_S)

    eventually(lambda: not psutil.pid_exists(int(pid)), "the emulator is gone")
    eventually(lambda: not Path(folder).exists(), "its folder is removed")


def test_a_port_that_a_neighbour_took_is_changed_for_another(ministack: MiniStack) -> None:
    # The neighbour answers the health question too, so "somebody answers" is not enough.
    ports = iter([ministack.port, free_loopback_port()])

    with MiniStack(find_port=lambda: next(ports)) as second:
        assert second.port != ministack.port
        assert second.pid != ministack.pid
        deploy(second.aws, "only-here")
        stacks = ministack.aws.client("cloudformation").describe_stacks()["Stacks"]
        assert stacks == []


def test_ministack_gives_up_when_every_port_is_taken(ministack: MiniStack) -> None:
    with pytest.raises(EmulatorEndedError, match="already in use"):
        MiniStack(find_port=lambda: ministack.port)


def test_ministack_listens_on_one_loopback_port_only(ministack: MiniStack) -> None:
    connections = psutil.Process(ministack.pid).net_connections(kind="inet")
    listening = {c.laddr for c in connections if c.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", ministack.port)}


def test_nothing_of_our_environment_reaches_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "canary")
    with MiniStack() as second:
        environment = psutil.Process(second.pid).environ()
    assert "AWS_PROFILE" not in environment
    assert environment["HOME"] == environment["TMPDIR"] == str(second.folder)


def test_a_missing_emulator_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EmulatorMissingError, match="make setup") as caught:
        MiniStack(executable=tmp_path / "ministack")
    assert str(tmp_path / "ministack") in str(caught.value)


def test_the_emulator_can_be_another_one_named_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_MINISTACK", str(tmp_path / "other"))
    with pytest.raises(EmulatorMissingError, match="other"):
        MiniStack()


def test_a_command_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="No such file"):
        GuardedProcess("nothing", [str(tmp_path / "nothing")], {})


def test_a_command_that_ends_while_starting_is_quoted() -> None:
    script = "print('the port is on fire'); raise SystemExit(3)"
    with (
        GuardedProcess("broken", [sys.executable, "-c", script], {}) as process,
        pytest.raises(EmulatorEndedError, match=r"(?s)broken ended with code 3.*on fire"),
    ):
        process.wait_until(lambda: False)


def test_a_command_that_is_never_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_DEADLINE_S", 0.0)
    with (
        GuardedProcess("slow", [sys.executable, "-c", "import signal; signal.pause()"], {}) as it,
        pytest.raises(EmulatorError, match="slow was not ready"),
    ):
        it.wait_until(lambda: False)


def test_a_command_that_ignores_sigterm_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "STOP_GRACE_S", 0.2)
    script = """
import pathlib, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
pathlib.Path("child.tmp").write_text(str(child.pid))
pathlib.Path("child.tmp").rename("child")
signal.pause()
"""
    with GuardedProcess("stubborn", [sys.executable, "-c", script], {}) as process:
        process.wait_until((process.folder / "child").exists)
        child_pid = int((process.folder / "child").read_text())
        assert psutil.pid_exists(child_pid)

    assert not psutil.pid_exists(process.pid)
    eventually(lambda: is_gone(child_pid), "the child is gone")


def is_gone(pid: int) -> bool:
    """Also true for an orphan that is dead but not yet collected by init."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
