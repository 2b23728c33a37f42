"""`hautech-worker jobs`: which jobs there are and how they stand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import typer
from rich.table import Table

from worker.jobs.job import JobState
from worker.ports.jobs import JobStore, JobSummary
from worker.runtime.commands.output import print_json, remark, show, stdout, styled
from worker.runtime.commands.records import summary_json
from worker.runtime.commands.services import services_for
from worker.runtime.commands.timeline import state_text
from worker.runtime.commands.wording import ago

app = typer.Typer(add_completion=False)

_STATES: Final = ", ".join(JobState)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker jobs\n"
    "  hautech-worker jobs --state failed --limit 100\n"
    "  hautech-worker jobs --state running --json | jq -r '.jobs\\[].requestId'"
)
def jobs(
    ctx: typer.Context,
    *,
    state: Annotated[
        list[JobState] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"Only jobs in this state: {_STATES}; may be repeated.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """List jobs, the latest change first.

    The list may be a moment behind; `hautech-worker job ID` is always exact.
    """
    services = services_for(ctx, "WORKER_JOB_TABLE")
    found = newest(services.store, tuple(state or JobState), limit=limit)
    if as_json:
        print_json({"jobs": [summary_json(summary) for summary in found]})
        return
    if not found:
        states = " or ".join(one.value for one in state or ())
        remark(f"No jobs{' that are ' + states if states else ''} yet.")
        return
    show(stdout(), _table(found, services.clock.now()))
    if len(found) == limit:
        remark(f"The latest {limit}; see more with --limit {limit * 5}.")


def newest(store: JobStore, states: tuple[JobState, ...], *, limit: int) -> list[JobSummary]:
    """The most recently changed jobs in any of the states, newest first.

    A job that changes its state between two of the look-ups counts once, with its later line.
    """
    found: dict[str, JobSummary] = {}
    for state in states:
        for summary in store.list_by_state(state, limit=limit):
            known = found.get(summary.request_id)
            if known is None or known.updated_at < summary.updated_at:
                found[summary.request_id] = summary
    return sorted(found.values(), key=lambda job: job.updated_at, reverse=True)[:limit]


def _table(found: list[JobSummary], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("job", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("workflow", overflow="fold")
    table.add_column("changed", no_wrap=True, justify="right")
    for summary in found:
        table.add_row(
            styled(summary.request_id, "bold"),
            state_text(summary.state),
            styled(summary.workflow),
            ago(summary.updated_at, now),
        )
    return table
