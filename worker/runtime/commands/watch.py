"""`hautech-worker watch`: follows jobs live."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from worker.runtime.commands.following import Following
from worker.runtime.commands.live import Show
from worker.runtime.commands.output import FAILED, stdout
from worker.runtime.commands.services import services_for

app = typer.Typer(add_completion=False)

INTERRUPTED: Final = 130
"""What a shell expects of a command that Ctrl-C ended."""


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker watch                     all open jobs, until Ctrl-C\n"
    "  hautech-worker watch sku-1042-front      until it is over"
)
def watch(
    ctx: typer.Context,
    request_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="The jobs; without any, all that are open."),
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="Show how they stand now and end.")] = False,
    interval: Annotated[
        float, typer.Option(help="Seconds between two looks at the store.", min=0.2, max=3600)
    ] = 1.0,
) -> None:
    """Follow jobs live: a bar for each, what it does now, and how it ended.

    Ends when all named jobs are over: with 0 if all of them succeeded, with 1 otherwise.
    """
    services = services_for(ctx, "WORKER_JOB_TABLE")
    following = Following(services.store, tuple(request_ids or ()))
    show = Show(console=stdout(), clock=services.clock, interval_s=interval)
    if once:
        show.once(following)
        return
    try:
        show.until_over(following)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED if request_ids else 0) from None
    lines = following.lines(now=services.clock.now())
    if any(line.progress.result == "failed" for line in lines):
        raise typer.Exit(FAILED)
