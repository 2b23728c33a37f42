"""The demo as a command: photos checked first, progress shown, one line at the end."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from rich.console import Console

from sandbox.aws import DeployError, EmulatorError
from sandbox.demo.collecting import PHOTOS
from sandbox.demo.output_folder import SHEET, output_folder
from sandbox.demo.photos import PhotoError, at_home, choose_photos
from sandbox.demo.run import run_demo
from sandbox.demo.show import show_for
from sandbox.local import LocalStackError


def run_and_tell(garment: Path | None, pose: Path | None, target: Path) -> int:
    """Runs the demo into the folder `target`; returns the exit status.

    A `~` in front of a path is the home folder; make does not expand it.
    """
    console = Console(highlight=False)
    try:
        target = at_home(target)
        with output_folder(target) as folder:
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
        return _fail(
            f"--out {target} (OUT=): cannot write {error.filename}: {error.strerror}", code=2
        )
    console.print()
    console.print(report.summary, markup=False, soft_wrap=True)
    say_where(console, target / SHEET)
    return 0 if report.succeeded == len(report.jobs) else 1


def say_where(console: Console, page: Path) -> None:
    """The page on a line of its own that a shell and a terminal take as it is."""
    console.print(f"open {shlex.quote(str(page))}", markup=False, soft_wrap=True)


def _fail(message: str, *, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
