"""Runs the demo: python -m sandbox.demo [--garment a.png] [--pose b.png] [--out FOLDER].

Ends with 0 if all jobs succeeded, 1 if something failed, 2 if a photo or an option is wrong, and
128 + the signal's number when it is interrupted. Whatever ends it, nothing it started stays.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from sandbox.aws import DeployError, EmulatorError
from sandbox.demo.collecting import PHOTOS
from sandbox.demo.photos import PhotoError, choose_photos
from sandbox.demo.run import SHEET, run_demo
from sandbox.demo.show import show_for
from sandbox.local import LocalStackError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupted(BaseException):
    """A signal asks us to stop; like KeyboardInterrupt, no `except Exception` holds it up."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


def main() -> int:
    """Runs the demo; returns the exit status."""
    arguments = _arguments()
    for name in _SIGNALS:
        signal.signal(name, _interrupt)
    try:
        return _run(arguments.garment, arguments.pose, arguments.out)
    except _Interrupted as interrupted:
        print("stopped; everything that was started is gone again", file=sys.stderr)
        return 128 + interrupted.signal_number


def _run(garment: Path | None, pose: Path | None, folder: Path) -> int:
    console = Console(highlight=False)
    try:
        photos = choose_photos(garment, pose, folder / PHOTOS)
        with show_for(console) as show:
            report = run_demo(photos, folder, show)
    except PhotoError as error:
        return _fail(str(error), code=2)
    except (EmulatorError, DeployError, LocalStackError) as error:
        return _fail(str(error), code=1)
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(f"--out {folder}: cannot write {error.filename}: {error.strerror}", code=2)
    console.print()
    console.print(f"{report.summary}; open {folder / SHEET}", markup=False, soft_wrap=True)
    return 0 if report.succeeded == len(report.jobs) else 1


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


def _interrupt(signal_number: int, _frame: object) -> NoReturn:
    # From here on we are stopping. A second signal ends us at once, and what is still running
    # then ends by itself, because nobody holds its guard's stdin any more.
    for name in _SIGNALS:
        signal.signal(name, signal.SIG_DFL)
    raise _Interrupted(signal_number)


def _fail(message: str, *, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
