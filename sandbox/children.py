"""The stand-in and the workers as guarded processes: gone when their owner is, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.aws import guard
from sandbox.aws.processes import EmulatorError, GuardedProcess
from sandbox.hautech import ControlClient, Credentials

_ROOT = Path(__file__).resolve().parents[1]
_CREDENTIALS = "credentials.json"
_LOOK_EVERY_S = 0.02
_LOG_KEPT_BYTES = 64 * 1024
_HEARD_S = 1.0
"""A worker says within milliseconds that it heard a signal."""

WORKER_STOP_S = 30.0
"""A worker promises to stop within 25 s of SIGTERM."""


class _PythonProcess(GuardedProcess):
    """A module of ours that runs as a process; its end can be waited for."""

    pid = 0  # until it has been started
    _code: int | None = None
    _is_released = False
    _last_log = ""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        own = {"PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
        # -P: the folder that the process runs in is no place to import from.
        command = [sys.executable, "-P", "-m", *arguments]
        super().__init__(name, command, own | dict(environment))

    @property
    def exit_code(self) -> int | None:
        """The code it ended with (negative: the signal), None while it runs."""
        if self._code is None and not self._is_released:
            self._code = self._exit_code()
        return self._code

    @property
    def log_text(self) -> str:
        """The end (64 KiB) of what it wrote, also after it was stopped."""
        with (
            contextlib.suppress(FileNotFoundError),
            (self.folder / guard.LOG_NAME).open("rb") as log,
        ):
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_KEPT_BYTES))
            self._last_log = log.read().decode("utf-8", "replace")
        return self._last_log

    def wait(self, deadline_s: float) -> int:
        """The exit code, once it has ended.

        Raises:
            TimeoutError: it has not ended within `deadline_s`.
        """
        deadline = time.monotonic() + deadline_s
        while (code := self.exit_code) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{self.name} (pid {self.pid}) still runs after {deadline_s:g} s"
                )
            time.sleep(_LOOK_EVERY_S)
        return code

    def release(self) -> None:
        """Ends it if it still runs, and removes its folder; its log can still be read."""
        if self.pid:
            _ = self.exit_code, self.log_text
        self._is_released = True
        super().stop()

    def stop(self) -> None:
        """As `release`."""
        self.release()


class WorkerProcess(_PythonProcess):
    """A real worker: `python -m worker run`.

    Args:
        number: tells several apart in messages.
        environment: its settings. Secrets travel here, never on a command line.
        module: what runs instead of `worker`, for tests that change more than settings.
    """

    was_told_to_end = False
    """Whether somebody sent it a signal; it may still run."""

    def __init__(
        self, number: int, environment: Mapping[str, str], *, module: str = "worker"
    ) -> None:
        super().__init__(f"worker {number}", [module, "run"], environment)

    @property
    def has_failed(self) -> bool:
        """Whether it ended although nobody had told it to."""
        return not self.was_told_to_end and self.exit_code is not None

    @property
    def is_receiving(self) -> bool:
        """Whether it has said that it receives; it does not at a log level above info."""
        return "container_started" in self.log_text

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal and returns at once; nothing if it has ended."""
        if self.exit_code is None:
            self.was_told_to_end = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, with_signal)

    def stop_in_a_hurry(self) -> None:
        """As `stop`, but the worker waits for no long poll, which takes up to 10 s.

        A message that such a poll brings is hidden until its visibility timeout is over: right
        where the queue ends, too, and nowhere else. A paid call under way still comes to its end.
        """
        self.kill(signal.SIGTERM)
        # Two signals at once may be seen as one (Source: signal(7)), so it must have seen the first.
        deadline = time.monotonic() + _HEARD_S
        while self.exit_code is None and "container_stopping" not in self.log_text:
            if time.monotonic() > deadline:  # it logs warnings only
                break
            time.sleep(_LOOK_EVERY_S)
        self.stop(signal.SIGTERM)

    def stop(
        self, with_signal: signal.Signals = signal.SIGTERM, *, deadline_s: float = WORKER_STOP_S
    ) -> None:
        """Sends a signal, waits until the worker has ended and removes its folder.

        Raises:
            TimeoutError: it had not ended within `deadline_s`; it has been killed then.
        """
        if self.pid == 0 or self._is_released:
            self.release()
            return
        try:
            self.kill(with_signal)
            self.wait(deadline_s)
        finally:
            self.release()


class StandInProcess(_PythonProcess):
    """The stand-in of the Hautech API, on two free ports of its own.

    Args:
        options: its switches by their JSON keys, such as `{"durationSeconds": 5}`.
        media_url: base URL of its upload URLs and image links, when something stands before them.
    """

    def __init__(self, options: Mapping[str, Any], *, media_url: str | None = None) -> None:
        arguments = ["sandbox.hautech", "--credentials-file", _CREDENTIALS]
        if media_url is not None:
            arguments += ["--media-url", media_url]
        super().__init__(
            "the stand-in of Hautech", [*arguments, "--options", json.dumps(dict(options))], {}
        )
        self._announcement: dict[str, str] | None = None

    def wait_until_ready(self) -> ControlClient:
        """Returns once it answers, with the client that steers it.

        Raises:
            EmulatorError: it ended, or was not ready in time.
        """
        self.wait_until(lambda: self._announced() is not None)
        return ControlClient(self._told("controlUrl"))

    @property
    def api_url(self) -> str:
        """Base URL of the API."""
        return self._told("apiUrl")

    @property
    def media_url(self) -> str:
        """Where its upload URLs and image links are answered."""
        return self._told("mediaUrl")

    @property
    def credentials(self) -> Credentials:
        """What a client needs to get in."""
        return Credentials.read(self.folder / _CREDENTIALS)

    def _told(self, key: str) -> str:
        announced = self._announced()
        if announced is None:
            raise EmulatorError(f"{self.name} has not started: call wait_until_ready first")
        return announced[key]

    def _announced(self) -> dict[str, str] | None:
        if self._announcement is None:
            for line in self.log_text.splitlines(keepends=True):
                # A line without its end is still being written.
                if line.startswith('{"apiUrl"') and line.endswith("\n"):
                    self._announcement = json.loads(line)
        return self._announcement
