"""Runs one command and ends it, with all it started and its folder, once nobody holds our stdin.

Started as a script of its own by `sandbox.aws.processes`, so it imports the standard library only:

    python -I guard.py FOLDER GRACE_SECONDS COMMAND ARGUMENT …

The parent keeps the other end of stdin. When the parent closes it, or dies in whatever way
(SIGKILL included), the read below ends: that needs no cooperation of the dying process, and it
works on macOS too, unlike a parent-death signal.

    parent ──stdin──► guard ──► command (a process group of its own; output to FOLDER/log)
       ▲                │
       └────stdout──────┘  "started PID" or "failed REASON", later "exited CODE"

A command that ends early is reported, and its log kept until the parent lets go, so that the
parent can tell why it ended.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

LOG_NAME = "log"


def main(arguments: list[str]) -> None:
    """Guards one command; returns when it is gone and its folder is removed."""
    folder, grace_s, *command = arguments
    # A polite kill of the guard itself ends the command too: it interrupts the read below. The
    # terminal's Ctrl-C never gets here, because the parent starts us in a session of our own.
    signal.signal(signal.SIGTERM, _exit)
    try:
        with (Path(folder) / LOG_NAME).open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        _say(f"failed {error}")
        _wait_until_nobody_holds_stdin()
    else:
        _say(f"started {child.pid}")
        waiter = Thread(target=_report_exit, args=(child,), daemon=True)
        waiter.start()
        try:
            _wait_until_nobody_holds_stdin()
        finally:
            _end(child, waiter, grace_s=float(grace_s))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exit(_signal_number: int, _frame: object) -> None:
    sys.exit(0)


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # the parent is gone: nobody to tell
        os.write(1, f"{line}\n".encode())


def _wait_until_nobody_holds_stdin() -> None:
    while os.read(0, 1024):
        pass


def _report_exit(child: "subprocess.Popen[bytes]") -> None:
    _say(f"exited {child.wait()}")


def _end(child: "subprocess.Popen[bytes]", waiter: Thread, *, grace_s: float) -> None:
    """Asks the command to stop, and kills its whole process group when the time is over."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGTERM)
    waiter.join(grace_s)
    # Also after a clean stop: what the command started must not outlive it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    waiter.join()


if __name__ == "__main__":
    main(sys.argv[1:])
