"""`hautech-worker job ID`: what happened to one job, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.runtime.commands.output import fail, print_json, stdout
from worker.runtime.commands.records import job_json
from worker.runtime.commands.services import services_for
from worker.runtime.commands.timeline import print_job

app = typer.Typer(add_completion=False)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker job sku-1042-front\n"
    "  hautech-worker job sku-1042-front --json | jq .outputs"
)
def job(
    ctx: typer.Context,
    request_id: Annotated[str, typer.Argument(metavar="ID", help="The requestId.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The whole record, for scripts.")] = False,
) -> None:
    """Tell what happened to one job, when and why.

    Everything is in the job's own record, so this works long after the fact.
    """
    services = services_for(ctx, "WORKER_JOB_TABLE")
    found = services.store.load(request_id)
    if found is None:
        raise fail(unknown_job(request_id, services.settings.job_table))
    if as_json:
        print_json(job_json(found))
    else:
        print_job(stdout(), found, now=services.clock.now())


def unknown_job(request_id: str, table: str) -> str:
    """What to say about an id that has no record, and where else to look."""
    return (
        f'there is no job "{request_id}" in the table {table}.\n'
        "  - Just sent? It has no record before a worker takes it from the queue:"
        f" hautech-worker watch {request_id}\n"
        "  - Was it refused (malformed, a conflict)? See: hautech-worker dead-letters\n"
        "  - Mistyped? See the latest: hautech-worker jobs"
    )
