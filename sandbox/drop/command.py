"""The demo of the drop folder as a command: what goes on is shown, one line at the end."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from sandbox.aws import DeployError, EmulatorError
from sandbox.demo.command import say_where
from sandbox.demo.output_folder import SHEET, output_folder
from sandbox.demo.photos import at_home
from sandbox.drop.run import Folders, run_once, run_until_interrupted
from sandbox.drop.show import drop_show_for
from sandbox.interruption import Interrupted
from sandbox.local import LocalStackError
from worker.errors import RulesError

PAGE = "contact-sheet"
STOPPED = "stopped; everything that was started is gone again, your files stay"


def run_and_tell(folder: Path, *, once: bool) -> int:
    """Runs the demo with its files below `folder`; returns the exit status."""
    console = Console(highlight=False)
    folder = at_home(folder)
    folders = Folders.below(folder)
    try:
        if not once:
            with drop_show_for(console) as show, suppress(Interrupted):  # as it is meant to end
                run_until_interrupted(folders, show)
            print(STOPPED, file=sys.stderr)
            return 0
        with output_folder(folder / PAGE) as page, drop_show_for(console) as show:
            report, is_over = run_once(folders, page, show)
    except (EmulatorError, DeployError, LocalStackError) as error:
        return _fail(str(error), code=1)
    except RulesError as error:
        hint = "correct it, or take it away for the demo's own rules"
        return _fail(f"{error.message}\n{hint}", code=2)
    except OSError as error:
        if error.filename is None:
            raise
        return _fail(
            f"--folder {folder} (FOLDER=): cannot write {error.filename}: {error.strerror}", code=2
        )
    console.print()
    end = "every file has its picture, or says why not" if is_over else "not all came to their end"
    console.print(f"{report.summary}; {end}", markup=False, soft_wrap=True)
    say_where(console, folder / PAGE / SHEET)
    return 0 if is_over else 1


def _fail(message: str, *, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
