"""`hautech-worker reconcile`: wakes open jobs whose message may be lost, as every worker does."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from worker.engine.reconcile import ReconcileReport
from worker.engine.reconcile import reconcile as run_once
from worker.runtime.commands.output import print_json, remark, show, stdout, styled
from worker.runtime.commands.records import summary_json
from worker.runtime.commands.redriving import Unlimited
from worker.runtime.commands.services import services_for
from worker.runtime.commands.timeline import state_text
from worker.runtime.commands.wording import ago, count

app = typer.Typer(add_completion=False)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker reconcile --dry-run\n"
    "  hautech-worker reconcile --json | jq '.woken | length'"
)
def reconcile(
    ctx: typer.Context,
    *,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say which jobs, and wake none.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Wake open jobs that have been silent for too long.

    Running workers do the same every five minutes. A job that is well is not harmed: its former
    poll message is dropped.
    """
    services = services_for(
        ctx, "WORKER_JOB_TABLE", "WORKER_POLL_QUEUE_URL", "WORKER_DEAD_LETTER_QUEUE_URL"
    )
    report = run_once(services.record_world, Unlimited(), is_dry_run=is_dry_run)
    if as_json:
        print_json(_json(report))
        return
    now = services.clock.now()
    if report.woken:
        table = Table.grid(padding=(0, 2, 0, 0))
        for job in report.woken:
            silent = styled(f"last change {ago(job.updated_at, now)}", "dim")
            table.add_row(styled(job.request_id, "bold"), state_text(job.state), silent)
        show(stdout(), table)
    remark(_summary(report, is_dry_run=is_dry_run))


def _summary(report: ReconcileReport, *, is_dry_run: bool) -> str:
    done = "would be woken" if is_dry_run else "woken"
    words = [
        f"{count(len(report.woken), 'silent job')} {done}" if report.woken else "No silent jobs"
    ]
    if report.batches_woken:
        words.append(f"{count(report.batches_woken, 'silent batch', 'silent batches')} {done}")
    if report.left_alone:
        words.append(f"{report.left_alone} left alone: in hand, or woken not long ago")
    if report.unreadable:
        words.append(f"{report.unreadable} of a newer release, left alone")
    if report.unwritable:
        words.append(f"{report.unwritable} could not be written")
    if not report.is_complete:
        words.append("there are more: run it again")
    return "; ".join(words) + "."


def _json(report: ReconcileReport) -> dict[str, object]:
    return {
        "woken": [summary_json(job) for job in report.woken],
        "batchesWoken": report.batches_woken,
        "leftAlone": report.left_alone,
        "unreadable": report.unreadable,
        "unwritable": report.unwritable,
        "isComplete": report.is_complete,
    }
