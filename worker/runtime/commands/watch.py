"""`hautech-worker watch`: follows jobs live."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from worker.runtime.commands.following import Following
from worker.runtime.commands.live import Show
from worker.runtime.commands.output import FAILED, fail, stdout
from worker.runtime.commands.refusals import Refusals
from worker.runtime.commands.services import services_for
from worker.runtime.commands.verdicts import print_verdicts, unfinished

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
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Stop following after so long.", min=0.2),
    ] = None,
) -> None:
    """Follow jobs live: a bar for each, what it does now, and how it ended.

    Ends when all named jobs are over: with 0 if all of them succeeded, with 1 otherwise. A request
    that was refused before it became a job is over, too (WORKER_DEAD_LETTER_QUEUE_URL must be set).
    """
    services = services_for(ctx, "WORKER_JOB_TABLE")
    ids = tuple(request_ids or ())
    following = Following(services.store, ids, refusals=Refusals(services) if ids else None)
    show = Show(console=stdout(), clock=services.clock, interval_s=interval)
    if once:
        show.once(following)
        return
    is_over, is_interrupted = False, False
    try:
        is_over = show.until_over(following, timeout)
    except KeyboardInterrupt:
        is_interrupted = True
    lines = following.lines(now=services.clock.now())
    if show.console.is_terminal:
        print_verdicts(lines)  # the table has no room for a whole reason or URI
    if is_interrupted or not ids:
        raise typer.Exit(INTERRUPTED if ids else 0)
    if not is_over:
        raise fail(unfinished(lines, timeout))
    if any(line.progress.result == "failed" for line in lines):
        raise typer.Exit(FAILED)
