"""Starts a function, and by hand what it is compared with, each in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from bench import cold_floor, cold_record
from infra.lambda_package.sources import ENTRY_MODULE

Told = dict[str, Any]
"""What a process told of its start, see `bench.cold_floor`."""

_COUNT: Final = re.compile(r"I\s+refs:\s+([0-9,]+)")
"""How cachegrind says it on stderr, for people."""

_QUEUES: Final = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
SETTINGS: Final = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "HAUTECH_API_TOKEN": "none",
    "WORKER_REQUEST_QUEUE_URL": f"{_QUEUES}requests",
    "WORKER_POLL_QUEUE_URL": f"{_QUEUES}polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": f"{_QUEUES}dead-letters",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog",
    "WORKER_OUTPUT_BUCKETS": "catalog",
    "WORKER_LOG_FORMAT": "json",
}
"""Nothing is called; they only have to be such that a function starts."""


class CountError(Exception):
    """The instructions of a start could not be counted."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Instructions of a start of a function and of its floor, without the interpreter's own."""

    function: int
    floor: int


@dataclass(frozen=True, slots=True)
class Folders:
    """Where function and floor have their modules, and what runs them."""

    interpreter: Path
    function: Path
    floor: Path

    def start(self, name: str) -> tuple[Told, Told]:
        """A start of the function of that name, and one of a floor with the clients it made.

        Raises:
            subprocess.CalledProcessError: one did not start; its stderr says why.
        """
        handler = f"{ENTRY_MODULE}.handle_{name}"
        function = self._run(cold_floor, self.function, ["function"], handler=handler)
        floor = self._run(cold_floor, self.floor, ["floor", json.dumps(function["clients"])])
        return function, floor

    def first_record(self, name: str) -> Told:
        """A start of the function of that name, and a record for it. Raises as `start` does."""
        handler = f"{ENTRY_MODULE}.handle_{name}"
        return self._run(cold_record, self.function, [name], handler=handler)

    def instructions(self, name: str, counter: Path) -> Counted:
        """The instructions of such a pair of starts, by valgrind's `counter`. Raises as `start`."""
        handler = f"{ENTRY_MODULE}.handle_{name}"
        idle, _ = self._counted(counter, self.floor, ["nothing"])
        function, told = self._counted(counter, self.function, ["function"], handler=handler)
        clients = json.dumps(told["clients"])
        floor, _ = self._counted(counter, self.floor, ["floor", clients])
        return Counted(function - idle, floor - idle)

    def _counted(
        self, counter: Path, folder: Path, words: list[str], *, handler: str = ""
    ) -> tuple[int, Told]:
        under = (counter, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
        done = self._process(cold_floor, folder, words, handler=handler, under=under)
        counts = _COUNT.findall(done.stderr)
        if not counts:
            raise CountError(f"{counter} did not say how many instructions there were")
        return int(counts[-1].replace(",", "")), _told(done)

    def _run(
        self, script: ModuleType, folder: Path, words: list[str], *, handler: str = ""
    ) -> Told:
        return _told(self._process(script, folder, words, handler=handler))

    def _process(
        self,
        script: ModuleType,
        folder: Path,
        words: list[str],
        *,
        handler: str,
        under: Sequence[str | Path] = (),
    ) -> subprocess.CompletedProcess[str]:
        # -I -S: neither this folder nor the packages of this environment are seen. -B: read-only.
        command = [*under, self.interpreter, "-I", "-S", "-B", str(script.__file__), folder, *words]
        environment = {**SETTINGS, "_HANDLER": handler, "PATH": os.defpath}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def _told(done: subprocess.CompletedProcess[str]) -> Told:
    told: Told = json.loads(done.stdout.splitlines()[-1])  # after what the function logs
    return told
