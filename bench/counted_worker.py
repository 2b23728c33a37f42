"""A worker that counts its AWS requests: the same process, with one handler in the SDK.

    python -m bench.counted_worker      environment as for `hautech-worker run`

SIGUSR1 makes it write what it has counted so far to the file in BENCH_COUNTS_FILE:
`{"number": 1, "calls": {"sqs.ReceiveMessage": 12, …}}`; `number` counts the signals. Requests are
counted where they leave, so one that the SDK repeats counts twice. Nothing but the worker is
imported, so that its memory is a worker's.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

from worker.runtime.process import run_worker
from worker.settings import load_settings

FILE_VARIABLE = "BENCH_COUNTS_FILE"


class CallCounter:
    """Counts requests by service and operation; used as a handler of the SDK's `before-send`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: list[str] = []
        self._number = 0

    def __call__(self, event_name: str, **_: Any) -> None:
        """One request leaves; `event_name` is `before-send.sqs.ReceiveMessage`, say."""
        # An append is atomic. A counter under a lock would not do: the signal may interrupt the
        # very thread that holds it.
        self._seen.append(event_name.partition(".")[2])

    def write(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Writes the counts; the file appears whole. Serves as a signal handler."""
        self._number += 1
        document = {"number": self._number, "calls": Counter(self._seen)}
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(document), encoding="utf-8")
        unfinished.replace(self._file)


def main() -> int:
    """Runs the worker; its exit code."""
    counter = CallCounter(Path(os.environ[FILE_VARIABLE]))
    signal.signal(signal.SIGUSR1, counter.write)
    # Every session registers these when it is made, whoever makes it.
    handlers: list[tuple[str, Callable[..., None]]] = BUILTIN_HANDLERS
    handlers.append(("before-send", counter))
    return run_worker(load_settings(os.environ))


if __name__ == "__main__":
    sys.exit(main())
