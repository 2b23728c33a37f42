"""`hautech-worker demo`: hands over to the sandbox, which shows the whole service at work.

The worker never imports the sandbox, which is not shipped with it. This process *becomes* the
demo (exec) instead of starting it: Ctrl-C and SIGTERM reach it directly and once, its exit code
is ours, and nobody is left waiting in between.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Annotated

import typer

from worker.runtime.commands.output import USAGE, fail

app = typer.Typer(add_completion=False)

MODULE = "sandbox.demo"


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker demo\n"
    "  hautech-worker demo --garment jacket.png --pose standing.png"
)
def demo(
    garment: Annotated[
        Path | None,
        typer.Option(help="Photo of a garment; without it, a drawn one."),
    ] = None,
    pose: Annotated[
        Path | None,
        typer.Option(
            help="Photo whose pose is copied; without it, a drawn one.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the contact sheet.", file_okay=False)
    ] = None,
) -> None:
    """See it work on this machine: photos in, pictures out, no account needed."""
    if not _is_there():
        raise fail(
            "the demo is part of the repository and not of the installed worker: "
            "`git clone` it, then run `make demo` in its folder",
            code=USAGE,
        )
    arguments = [sys.executable, "-m", MODULE]
    for name, value in (("--garment", garment), ("--pose", pose), ("--out", out)):
        if value is not None:
            arguments += [name, str(value)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, arguments)  # noqa: S606 - our own interpreter; a list, so no shell


def _is_there() -> bool:
    # `python -m` also looks in the current folder, where a clone may be.
    return PathFinder.find_spec(MODULE.partition(".")[0], [str(Path.cwd()), *sys.path]) is not None
