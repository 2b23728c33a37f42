"""A counting worker as a process that can be asked what it has counted so far."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.counted_worker import FILE_VARIABLE
from sandbox.children import WorkerProcess

_ANSWER_S = 10.0
_LOOK_EVERY_S = 0.01


class CountedWorker(WorkerProcess):
    """`python -m bench.counted_worker`; `counts_file` must be in a folder that exists."""

    def __init__(self, number: int, environment: Mapping[str, str], *, counts_file: Path) -> None:
        own = {FILE_VARIABLE: str(counts_file)}
        # Past our parent, which knows only one command.
        super(WorkerProcess, self).__init__(
            f"counted worker {number}", ["bench.counted_worker"], dict(environment) | own
        )
        self._counts_file = counts_file
        self._asked = 0

    def calls(self) -> dict[str, int]:
        """`sqs.ReceiveMessage` and the like -> requests since it started.

        Raises:
            TimeoutError: it did not answer.
        """
        self._asked += 1
        os.kill(self.pid, signal.SIGUSR1)
        until_s = time.monotonic() + _ANSWER_S
        while (document := self._read()).get("number") != self._asked:
            if time.monotonic() > until_s:
                raise TimeoutError(f"{self.name} did not say what it counted; {self.log_text}")
            time.sleep(_LOOK_EVERY_S)
        calls: dict[str, int] = document["calls"]
        return calls

    def _read(self) -> dict[str, Any]:
        if not self._counts_file.exists():
            return {}
        document: dict[str, Any] = json.loads(self._counts_file.read_text(encoding="utf-8"))
        return document
