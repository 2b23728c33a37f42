"""`hautech-worker run`: the container's main process. All of it is in `worker.runtime.process`."""

from __future__ import annotations

import os

import typer

from worker.runtime.commands.environment import load_with_region
from worker.runtime.process import run_worker

app = typer.Typer(add_completion=False)


@app.command(
    epilog="[bold]Example[/bold]\n\n"
    "  WORKER_LOG_FORMAT=console hautech-worker run\n\n"
    "All settings come from the environment; `hautech-worker doctor` checks them."
)
def run() -> None:
    """Work on requests until stopped.

    SIGTERM or Ctrl-C stops it cleanly within 25 s: nothing is lost, what is not finished goes back
    to its queue at once. Problems of the settings are told all together (exit code 2).
    """
    raise typer.Exit(run_worker(load_with_region(os.environ)))
