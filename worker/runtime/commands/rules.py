"""`hautech-worker rules`: checks the rules of drop folders, tells what would happen to a file, and shows
those that are in force.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, cast

import typer

from worker.drops.rule_remarks import remarks_on
from worker.drops.rules import RuleSet, load_rules
from worker.drops.sidecars import Sidecar, SidecarError, read_sidecar
from worker.errors import RulesError, RulesProblem, WorkerError
from worker.runtime.commands import rules_told
from worker.runtime.commands.output import OK, USAGE, caution, fail, print_json, remark
from worker.runtime.commands.preset_files import read_rules_file
from worker.runtime.commands.rule_buckets import NAMELESS, Buckets, buckets_for, possible_loops
from worker.runtime.commands.rule_trials import Trial, try_keys
from worker.runtime.commands.rules_shown import show_rules, standing_json
from worker.runtime.commands.rules_standing import rules_standing
from worker.runtime.commands.services import Services, services_for
from worker.settings import Settings, load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Rules of drop folders: which file becomes which request."""


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker rules check rules.yaml\n"
    "  hautech-worker rules check rules.yaml --key inbox/spring/sku-1042.jpg\n"
    "  hautech-worker rules check rules.yaml \\\n"
    "    --key inbox/spring/sku-1042.jpg --sidecar sku-1042.yaml\n"
    "  hautech-worker rules check s3://catalog/rules.yaml --key sets/a_front.jpg \\\n"
    "    --key sets/a_pose.jpg --json | jq '.keys\\[0].requests'"
)
def check(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or an s3:// URI.")],
    *,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Tell what would happen to this key, or s3:// URI; may be repeated. Photos of one "
            "group are taken together.",
        ),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(help="The bucket of the keys; unless given, that of the first rule."),
    ] = None,
    sidecar: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="A file on this machine that lies beside the photo, as .json or .yaml.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check a rules file: every problem at once, with its line.

    With keys it tells which rule each one belongs to and why not the rules before, what its path
    says, how long it waits, and prints the requests. Nothing is sent. It ends with 1 if something
    is wrong with the file, or with a request. A warning is about what only some requests would be
    refused for: workers take such a file.
    """
    text = read_rules_file(file, lambda: services_for(ctx))
    buckets = buckets_for(text, _settings(ctx), bucket)
    try:
        found = load_rules(
            text,
            input_buckets=buckets.inputs,
            output_buckets=buckets.outputs,
            drop_bucket=buckets.watched,
            source=file,
        )
    except RulesError as error:
        if as_json:
            print_json({"file": file, **rules_told.problems_json(error)})
        else:
            rules_told.tell_problems(error)
        if keys:
            remark("No --key was looked at: a file with problems is not used. Correct them first.")
        raise typer.Exit(1) from error
    remarks = remarks_on(text, found)
    trials = try_keys(found, keys or [], bucket=bucket, sidecar=_sidecar(sidecar))
    if as_json:
        print_json(rules_told.json_of(file, found, trials, remarks))
    else:
        _tell(file, found, trials, remarks)
        if buckets.are_guessed:
            _tell_guesses(buckets, possible_loops(text, buckets))
    raise typer.Exit(1 if any(trial.is_refused for trial in trials) else OK)


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker rules show\n"
    "  hautech-worker rules show --json | jq '.rules\\[].output'"
)
def show(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the rules and presets that the workers go by: the file as it is, or the last good version.

    It looks at WORKER_DROP_RULES and at the job table as a worker does. It ends with 1 if the file is
    broken.
    """
    needs = ("WORKER_JOB_TABLE", "WORKER_INPUT_BUCKETS", "WORKER_OUTPUT_BUCKETS")
    services = services_for(ctx, *needs)
    place = services.settings.drop_rules
    if place is None:
        raise fail("WORKER_DROP_RULES is not set: this service has no rules", code=USAGE)
    try:
        standing = rules_standing(
            place, settings=services.settings, objects=services.objects, shelf=services.shelf
        )
    except WorkerError as error:
        raise fail(error.message) from error
    if as_json:
        print_json(standing_json(standing))
    else:
        show_rules(standing, now=services.clock.now())
    raise typer.Exit(1 if standing.is_broken else OK)


def _tell(file: str, found: RuleSet, trials: list[Trial], remarks: list[RulesProblem]) -> None:
    rules_told.tell_rules(file, found, warnings=len(remarks))
    for problem in remarks:
        caution(str(problem))
    for trial in trials:
        rules_told.tell_trial(trial)
    if any(trial.plan and trial.plan.requests for trial in trials):
        remark(
            "The letters at the end of the ids, and versionId, come from the upload: they will be others."
        )


def _tell_guesses(buckets: Buckets, loops: list[tuple[str, str]]) -> None:
    """What could not be checked without settings, and what would be wrong if a bucket were watched."""
    told = "WORKER_INPUT_BUCKETS and WORKER_OUTPUT_BUCKETS are not set: any bucket passes here"
    if buckets.watched == NAMELESS:
        told += (
            ", and whether rules feed themselves depends on the bucket that is watched (--bucket)"
        )
    remark(f"{told}.")
    for bucket, problem in loops:
        caution(f"if {bucket} is the bucket that is watched: {problem}")


def _sidecar(path: Path | None) -> Sidecar | SidecarError | None:
    if path is None:
        return None
    try:
        return read_sidecar(path.name, path.expanduser().read_bytes())
    except OSError as error:
        raise fail(f"{path}: {error.strerror or error}") from error
    except SidecarError as error:
        return error


def _settings(ctx: typer.Context) -> Settings:
    if ctx.obj is not None:
        return cast("Services", ctx.obj).settings
    return load_settings(os.environ, needs=())
