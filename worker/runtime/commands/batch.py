"""`hautech-worker batch`: how a batch stands; sends one, cancels one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from worker.contracts.fields import rfc3339
from worker.runtime.commands.batch_drafts import (
    BatchDraft,
    BatchDraftError,
    read_matrix,
    read_template,
)
from worker.runtime.commands.batch_submit import (
    Wishes,
    opened_table,
    prepare,
    print_survey,
    send,
    survey_json,
)
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

INTERRUPTED: Final = 130


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
    unsent = (seen.batch.rows or 0) - seen.batch.read
    remark(
        f"Cancelled. {count(unsent, 'row')} will not be sent; of {count(seen.batch.open_rows, 'open row')} "
        f"those that run are collected. Follow it: hautech-worker batch {batch_id} --wait"
    )


@app.command(
    no_args_is_help=True,
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker batch submit spring.csv --template request.json --dry-run\n"
    "  hautech-worker batch submit --template request.json \\\n"
    "      --matrix imageId=s3://catalog/a.png,s3://catalog/b.png --matrix seed=1,2,3\n\n"
    "The same command again is the same batch and costs nothing: its id is made from\n"
    "the content.",
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
    says so.
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
    plan = _Plan(dry_run=dry_run, skip_bad=skip_bad, as_json=as_json and not wait)
    if source is None:
        draft = BatchDraft(template=shared, matrix=lists)
        sent_id = _submit(draft, wishes, services, plan)
    else:
        with opened_table(source) as (table, name):
            draft = BatchDraft(template=shared, table=table, name=name)
            sent_id = _submit(draft, wishes, services, plan)
    if wait and not dry_run:
        _follow(sent_id, services, timeout_s=timeout, as_json=as_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    dry_run: bool
    skip_bad: bool
    as_json: bool


def _submit(draft: BatchDraft, wishes: Wishes, services: Services, plan: _Plan) -> str:
    """Looks at the batch and sends it, if that is wanted; its id."""
    prepared = prepare(draft, wishes, services)
    batch_id, survey = prepared.message.batch_id, prepared.survey
    if plan.as_json:
        print_json(survey_json(prepared))
    else:
        print_survey(prepared)
    if plan.dry_run:
        return batch_id
    if not survey.good:
        raise fail("no row is good: nothing was sent", code=USAGE)
    if survey.good < survey.rows and not plan.skip_bad:
        raise fail(
            "nothing was sent: correct the bad rows, or send the others with --skip-bad",
            code=USAGE,
        )
    send(prepared, services)
    remark(f"Sent. Follow it: hautech-worker batch {batch_id} --wait")
    return batch_id


def _follow(batch_id: str, services: Services, *, timeout_s: float | None, as_json: bool) -> None:
    # With --json, stdout is for the document alone.
    console = stderr() if as_json else stdout()
    following = BatchFollowing(store=services.batches, clock=services.clock, console=console)
    try:
        seen = following.until_over(batch_id, timeout_s)
    except KeyboardInterrupt:
        remark(f"The batch goes on. Follow it: hautech-worker batch {batch_id} --wait")
        raise typer.Exit(INTERRUPTED) from None
    if seen is None:
        raise fail(f"no worker has taken the batch {batch_id} yet")
    _print(seen, services, as_json=as_json)
    if not seen.batch.state.is_final:
        raise fail(f"the batch is not over after {timeout_s:g} s; it goes on")
    data = (seen.batch.event or {})["data"]
    if data["status"] != "succeeded":
        raise typer.Exit(FAILED)


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
