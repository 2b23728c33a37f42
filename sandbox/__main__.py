"""Runs the service on this machine until Ctrl-C: python -m sandbox [--pipeline-seconds 5].

Ends with 0 when it was asked to stop, 1 if something failed, 2 if an option is wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from sandbox.interruption import Interrupted, interrupts_end_at_once, interrupts_raise

_ENV_FILE = Path(".sandbox/env")
_PIPELINE_S = 5.0


def main() -> int:
    """Runs the sandbox; returns the exit status."""
    interrupts_end_at_once()
    arguments = _arguments()
    _say("hautech-worker sandbox; Ctrl-C stops it, and nothing stays behind")
    # Importing takes a while: a person who changes their mind gets no stack trace.
    from sandbox.playground import run_playground  # noqa: PLC0415 - after the signals are handled

    try:
        interrupts_raise()
        return run_playground(arguments.env, pipeline_s=arguments.pipeline_seconds, say=_say)
    except Interrupted:
        _say("stopped; everything that was started is gone again")
        return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="The whole service on this machine, to play with, without any account.",
    )
    parser.add_argument(
        "--pipeline-seconds", type=_seconds, default=_PIPELINE_S, help="how long a pipeline takes"
    )
    parser.add_argument("--env", type=Path, default=_ENV_FILE, help="file for the settings")
    return parser.parse_args()


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds, such as 5")
    return value


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
