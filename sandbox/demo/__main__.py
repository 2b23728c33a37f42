"""Runs the demo: python -m sandbox.demo [--garment a.png] [--pose b.png] [--out FOLDER].

Ends with 0 if all jobs succeeded, 1 if something failed, 2 if a photo or an option is wrong, and
128 + the signal's number when it is interrupted. Whatever ends it, nothing it started stays.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sandbox.interruption import Interrupted, interrupts_end_at_once, interrupts_raise


def main() -> int:
    """Runs the demo; returns the exit status."""
    interrupts_end_at_once()
    arguments = _arguments()
    if all(_is_there(photo) for photo in (arguments.garment, arguments.pose)):
        print("about half a minute; Ctrl-C stops it, and nothing stays behind", flush=True)
    # Importing takes seconds on a slow disk: a person who changes their mind gets no stack trace.
    from sandbox.demo.command import run_and_tell  # noqa: PLC0415 - after the signals are handled

    try:
        interrupts_raise()
        return run_and_tell(arguments.garment, arguments.pose, arguments.out)
    except Interrupted as interrupted:
        print("stopped; everything that was started is gone again", file=sys.stderr)
        return interrupted.exit_code


def _is_there(photo: Path | None) -> bool:
    """Whether it is worth announcing a run; what is wrong with a photo is told once it is read."""
    # Unlike that of Path, this one does not raise where the home folder is not known.
    return photo is None or Path(os.path.expanduser(photo)).is_file()  # noqa: PTH111


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="hautech-worker demo",
        description="Photos through the whole service, on this machine, without any account.",
    )
    parser.add_argument("--garment", type=Path, help="photo of a garment; else a drawn one")
    parser.add_argument("--pose", type=Path, help="photo whose pose is copied; else a drawn one")
    parser.add_argument(
        "--out", type=Path, default=Path("demo-output"), help="folder for the contact sheet"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
