"""Emulators as processes that are gone when we are: started clean, watched, stopped for good."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from sandbox.aws import guard

START_DEADLINE_S = 60.0
"""Generous: a healthy start takes under 3 s, but the machine may be busy with tests."""

STOP_GRACE_S = 5.0
"""How long an emulator may take to stop by itself before it is killed; MiniStack needs 1 to 3 s."""

_PROBE_EVERY_S = 0.02
_LOG_LINES_SHOWN = 15


class EmulatorError(Exception):
    """A local emulator could not be started: "MiniStack ended with code 1; its last lines: …"."""


class EmulatorEndedError(EmulatorError):
    """An emulator ended while it was starting; `log` is the tail of what it wrote."""

    def __init__(self, name: str, exit_code: int, log: str) -> None:
        super().__init__(
            f"{name} ended with code {exit_code} while starting; its last lines:\n{log}"
        )
        self.log = log


class GuardedProcess:
    """A process with a folder and an environment of its own, which ends when this object's owner does.

    Its HOME, TMPDIR and working directory are the folder, and nothing of our own environment
    reaches it (MiniStack hands its whole environment to every Lambda). See `guard` for how it is
    ended even if we are killed.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts `command` (with an absolute path) at once.

        Raises:
            EmulatorError: the command cannot be executed.
        """
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="hautech-sandbox-"))
        self._reports = b""
        self._guard = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())),
                *(str(self.folder), str(STOP_GRACE_S)),
                *command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_clean_environment(self.folder) | dict(environment),
            start_new_session=True,  # the terminal's Ctrl-C is for us; we stop the guard in order
        )
        first = self._first_report()
        if not first.startswith("started "):
            self.stop()
            reason = first.removeprefix("failed ") or "its guard ended"
            raise EmulatorError(f"{name} could not be started with {command[0]}: {reason}")
        self.pid = int(first.removeprefix("started "))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def log(self) -> str:
        """All that the command wrote; empty once it is stopped."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / guard.LOG_NAME).read_text(encoding="utf-8", errors="replace")
        return ""

    def log_tail(self) -> str:
        """The last lines of it."""
        return "\n".join(self.log().splitlines()[-_LOG_LINES_SHOWN:])

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Returns once `is_ready` says so.

        Raises:
            EmulatorEndedError: the command ended first.
            EmulatorError: it was not ready within `START_DEADLINE_S`.
        """
        deadline = time.monotonic() + START_DEADLINE_S
        while not is_ready():
            code = self._exit_code()
            if code is not None:
                raise EmulatorEndedError(self.name, code, self.log_tail())
            if time.monotonic() > deadline:
                raise EmulatorError(
                    f"{self.name} was not ready after {START_DEADLINE_S:g} s; its last lines:\n"
                    f"{self.log_tail()}"
                )
            time.sleep(_PROBE_EVERY_S)

    def stop(self) -> None:
        """Ends the command and all it started, and removes its folder; nothing if already done."""
        assert self._guard.stdin is not None  # noqa: S101 -- Popen was given pipes
        assert self._guard.stdout is not None  # noqa: S101 -- Popen was given pipes
        self._guard.stdin.close()
        try:
            self._guard.wait(timeout=2 * STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._guard.stdout.close()
        # The guard did this already, unless somebody killed it.
        shutil.rmtree(self.folder, ignore_errors=True)

    def _exit_code(self) -> int | None:
        """The code the command ended with (negative: the signal), None while it runs."""
        assert self._guard.stdout is not None  # noqa: S101 -- Popen was given a pipe
        descriptor = self._guard.stdout.fileno()
        os.set_blocking(descriptor, False)
        with contextlib.suppress(BlockingIOError):
            self._reports += os.read(descriptor, 1024)
        for line in self._reports.decode().splitlines():
            if line.startswith("exited "):
                return int(line.removeprefix("exited "))
        return self._guard.poll()  # somebody killed the guard

    def _first_report(self) -> str:
        assert self._guard.stdout is not None  # noqa: S101 -- Popen was given a pipe
        return self._guard.stdout.readline().decode().rstrip("\n")


def _clean_environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
