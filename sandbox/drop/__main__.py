"""Runs the drop folder's demo: python -m sandbox.drop [--folder demo-drop] [--once].

Until Ctrl-C, then it ends with 0. With --once it ends with 0 if every file came to its end, 1 if
not. 1 if something failed, 2 if an option is wrong. Whatever ends it, only the folder stays.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.interruption import Interrupted, interrupts_end_at_once, interrupts_raise


def main() -> int:
    """Runs the demo; returns the exit status."""
    interrupts_end_at_once()
    arguments = _arguments()
    print("a drop folder on this machine; Ctrl-C stops it, and only its files stay", flush=True)
    # Importing takes seconds on a slow disk: a person who changes their mind gets no stack trace.
    from sandbox.drop.command import STOPPED, run_and_tell  # noqa: PLC0415 - after the signals are handled

    try:
        interrupts_raise()
        return run_and_tell(arguments.folder, once=arguments.once)
    except Interrupted as interrupted:
        print(STOPPED, file=sys.stderr)
        return interrupted.exit_code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.drop",
        description="A folder of this machine as the drop folder of the whole service.",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("demo-drop"),
        help="gets the folders inbox and results",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="work on what lies in the inbox, write the contact sheet, and end",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
