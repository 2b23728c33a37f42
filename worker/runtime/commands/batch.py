"""`hautech-worker batch`: how a batch stands; sends one, cancels one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from worker.batches.batch import Batch
from worker.contracts.fields import rfc3339
from worker.runtime.commands.batch_drafts import (
    BatchDraft,
    BatchDraftError,
    read_matrix,
    read_template,
)
from worker.runtime.commands.batch_sending import INTERRUPTED, Plan, Sent, look_and_send
from worker.runtime.commands.batch_submit import Wishes, opened_table
from worker.runtime.commands.batch_view import BatchFollowing, Seen, batch_json, print_batch, see
from worker.runtime.commands.drafts import parse_life
from worker.runtime.commands.output import (
    FAILED,
    USAGE,
    fail,
    print_json,
    remark,
    stderr,
    stdout,
)
from worker.runtime.commands.preset_files import RulesFile, template_with_preset
from worker.runtime.commands.services import Services, clock_for, services_for
from worker.runtime.commands.wording import count


class _IdOrCommand(TyperGroup):
    """`batch ID` is short for `batch show ID`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    add_completion=False,
    cls=_IdOrCommand,
    no_args_is_help=True,
    help="Follow a batch: many requests from one table. `batch ID` is short for `batch show ID`.",
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker batch submit spring.csv --template request.json --dry-run\n"
    "  hautech-worker batch submit spring.csv --template request.json --wait\n"
    "  hautech-worker batch spring-3f2a9c1b7d60\n"
    "  hautech-worker batch cancel spring-3f2a9c1b7d60",
)

_Json = Annotated[bool, typer.Option("--json", help="For scripts.")]
_Wait = Annotated[bool, typer.Option("--wait", help="Follow it until it is over.")]
_Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="With --wait: stop following after so long.", min=0.2),
]


@app.callback()
def batch() -> None:
    """Follow a batch, send one, cancel one."""


@app.command(name="show")
def show_batch(
    ctx: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="The batchId.")],
    *,
    wait: _Wait = False,
    timeout: _Timeout = None,
    as_json: _Json = False,
) -> None:
    """Tell how a batch stands: rows sent, done, failed and open, credits, bad rows.

    With --wait it ends with 0 if all rows succeeded, and with 1 otherwise.
    """
    _check_timeout(timeout, wait=wait)
    services = services_for(ctx, "WORKER_JOB_TABLE")
    seen = see(services.batches, batch_id)
    if seen is None:
        raise fail(_unknown(batch_id, services))
    if wait:
        _follow(batch_id, services, timeout_s=timeout, as_json=as_json)
        return
    _print(seen, services, as_json=as_json)


@app.command()
def cancel(
    ctx: typer.Context,
    batch_id: Annotated[str, typer.Argument(metavar="ID", help="The batchId.")],
    *,
    as_json: _Json = False,
) -> None:
    """Cancel a batch: what was not submitted is not paid for.

    No further row is sent, and requests of the batch that have cost nothing yet fail with
    request.cancelled, without dead letters. What runs at Hautech is paid for and is collected.
    """
    services = services_for(ctx, "WORKER_JOB_TABLE")
    seen = see(services.batches, batch_id)
    if seen is None:
        raise fail(_unknown(batch_id, services))
    if seen.batch.state.is_final:
        raise fail(f"the batch {batch_id} is over; there is nothing left to cancel")
    at = services.batches.cancel(batch_id, at=services.clock.now())
    if as_json:
        print_json(batch_json(Seen(seen.batch, at)))
        return
    remark(f"Cancelled. {_left(seen.batch)}Follow it: hautech-worker batch {batch_id} --wait")


@app.command(
    no_args_is_help=True,
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker batch submit spring.csv --template request.json --dry-run\n"
    "  hautech-worker batch submit --template request.json \\\n"
    "      --matrix imageId=s3://catalog/a.png,s3://catalog/b.png \\\n"
    "      --matrix seed=1,2,3\n\n"
    "The same command again is the same batch and costs nothing: its id is made\n"
    "from table and template. An id that another batch has is refused.",
)
def submit(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="CSV, JSON lines or a JSON array; - is stdin."),
    ] = None,
    *,
    template: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON file with the request that all rows share; {name} is filled by each row.",
        ),
    ] = None,
    matrix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,…",
            help="Instead of FILE: values of an input, or a JSON array of them; may be repeated, "
            "each goes with each.",
        ),
    ] = None,
    batch_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The batchId.", show_default="name and content"),
    ] = None,
    results_to: Annotated[
        str | None,
        typer.Option(
            metavar="S3-URI", help="Where the list of results goes.", show_default="the outputs"
        ),
    ] = None,
    credit_cap: Annotated[
        str | None,
        typer.Option(metavar="CREDITS", help="About the most that it may cost, such as 12.5."),
    ] = None,
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME", parser=parse_life, help="Not submitted by then, rows are not paid for."
        ),
    ] = None,
    rules: RulesFile = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Send the good rows although some are bad.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Tell rows, pipelines, credits and bad rows; send nothing."),
    ] = False,
    wait: _Wait = False,
    timeout: _Timeout = None,
    as_json: _Json = False,
) -> None:
    """Send a batch: a table on this machine, or lists of inputs.

    Every row is looked at before anything is sent; with bad rows nothing is, unless --skip-bad
    says so. A dry run ends with 1 if nothing would be sent, --wait with 0 if all rows that were sent
    have succeeded.
    """
    _check_timeout(timeout, wait=wait)
    if (source is None) == (matrix is None):
        raise typer.BadParameter("give either a FILE or --matrix")
    now = clock_for(ctx).now()
    wishes = Wishes(
        batch_id=batch_id,
        results_to=results_to,
        credit_cap=credit_cap,
        expires_at=rfc3339(now + expires_in) if expires_in else None,
    )
    needs = ["WORKER_INPUT_BUCKETS", "WORKER_OUTPUT_BUCKETS"]
    needs += [] if dry_run else ["WORKER_REQUEST_QUEUE_URL"]
    services = services_for(ctx, *needs, *(["WORKER_JOB_TABLE"] if wait else []))
    try:
        shared = template_with_preset(read_template(template), rules, services)
        lists = read_matrix(matrix) if matrix else None
    except BatchDraftError as error:
        raise fail(str(error), code=USAGE) from error
    plan = Plan(dry_run=dry_run, skip_bad=skip_bad, as_json=as_json and (dry_run or not wait))
    if source is None:
        draft = BatchDraft(template=shared, matrix=lists)
        sent = look_and_send(draft, wishes, services, plan)
    else:
        with opened_table(source) as (table, name):
            draft = BatchDraft(template=shared, table=table, name=name)
            sent = look_and_send(draft, wishes, services, plan)
    if wait:
        _follow(sent.batch_id, services, sent=sent, timeout_s=timeout, as_json=as_json)


def _follow(
    batch_id: str,
    services: Services,
    *,
    sent: Sent | None = None,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    # With --json, stdout is for the document alone.
    console = stderr() if as_json else stdout()
    following = BatchFollowing(
        store=services.batches,
        clock=services.clock,
        console=console,
        digest=sent.digest if sent else None,
    )
    try:
        seen = following.until_over(batch_id, timeout_s)
    except KeyboardInterrupt:
        remark(f"The batch goes on. Follow it: hautech-worker batch {batch_id} --wait")
        raise typer.Exit(INTERRUPTED) from None
    if seen is None:
        raise fail(f"no worker has taken the batch {batch_id} yet")
    if sent and seen.batch.content_digest != sent.digest:
        raise fail(
            f"the batchId {batch_id} belongs to a batch with other content, which was sent at the same "
            "time; that batch is left alone and this one is refused: give another --id"
        )
    _print(seen, services, as_json=as_json)
    if not seen.batch.state.is_final:
        raise fail(f"the batch is not over after {timeout_s:g} s; it goes on")
    if not _went_well(seen.batch, skipped=sent.bad if sent else 0):
        raise typer.Exit(FAILED)


def _went_well(batch: Batch, *, skipped: int) -> bool:
    """Whether all rows succeeded but for those that were to be skipped."""
    data = (batch.event or {})["data"]
    counts: dict[str, int] = data["counts"]
    succeeded = counts["succeeded"]
    return succeeded > 0 and counts["rows"] == succeeded + min(counts["refused"], skipped)


def _left(batch: Batch) -> str:
    """What a cancelled batch still does."""
    if batch.rows is None:
        return "No row will be sent. "
    unsent, running = batch.rows - batch.read, batch.open_rows
    first = f"{count(unsent, 'row')} will not be sent" if unsent else "All rows were sent"
    then = f"; of {count(running, 'open row')} those that run are collected" if running else ""
    return f"{first}{then}. "


def _print(seen: Seen, services: Services, *, as_json: bool) -> None:
    if as_json:
        print_json(batch_json(seen))
    else:
        print_batch(stdout(), seen, now=services.clock.now())


def _unknown(batch_id: str, services: Services) -> str:
    return (
        f'there is no batch "{batch_id}" in the table {services.settings.job_table}.\n'
        "  - Just sent? It has no record before a worker takes it from the queue.\n"
        "  - Was it refused? See: hautech-worker dead-letters"
    )


def _check_timeout(timeout: float | None, *, wait: bool) -> None:
    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout: only --wait follows the batch; give both")
