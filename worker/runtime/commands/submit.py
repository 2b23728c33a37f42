"""`hautech-worker submit`: sends requests, from options, a JSON file or stdin.

    options or JSON ─► check everything ─► upload photos ─► send, ten at a time ─► (follow)

Nothing is uploaded or sent before all requests of the call keep every rule.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from worker.contracts.aspect_ratios import ASPECT_RATIO_SIZES
from worker.contracts.presets import PRESET
from worker.contracts.text import shown
from worker.contracts.workflows import WORKFLOWS
from worker.errors import SettingsError, WorkerError
from worker.ports.clock import Clock
from worker.runtime.commands.drafts import (
    Draft,
    DraftError,
    Options,
    from_options,
    from_text,
    parse_life,
    parse_metadata,
)
from worker.runtime.commands.following import Following
from worker.runtime.commands.live import Show
from worker.runtime.commands.output import (
    FAILED,
    USAGE,
    fail,
    print_json,
    remark,
    stderr,
    stdout,
)
from worker.runtime.commands.photos import (
    PhotoError,
    PhotoLimits,
    PhotoShelf,
    names_no_photo,
    upload,
)
from worker.runtime.commands.preparation import Batch, Ready, conflicts_of, missing_of, prepare
from worker.runtime.commands.preset_files import RulesFile, presets_in
from worker.runtime.commands.receipts import print_findings, print_receipt, receipt_json
from worker.runtime.commands.refusals import Refusals
from worker.runtime.commands.services import Services, clock_for, services_for
from worker.runtime.commands.verdicts import (
    conflict_check,
    left_alone,
    print_verdicts,
    unfinished,
    verdict_json,
)
from worker.runtime.commands.wording import count

app = typer.Typer(add_completion=False)

_UPLOADS_AT_ONCE: Final = 8
_SENDS_AT_ONCE: Final = 30
"""Three full calls of ten messages."""

_WHAT, _HOW, _THEN = "What to make", "The request itself", "Afterwards"
_PHOTO = "a file, or an s3:// URI"


def _life(text: str) -> timedelta:
    try:
        return parse_life(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(
    no_args_is_help=True,
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker submit --image jacket.png --pose standing.png \\\n"
    '      --aspect-ratio 7:10 --prompt "a woman in a white jacket" --wait\n'
    "  hautech-worker submit request.json\n"
    "  hautech-worker submit requests.jsonl --wait\n"
    "  generate-requests | hautech-worker submit -\n\n"
    "The same command again is the same job and costs nothing: its id is made from\n"
    "the content. For another picture, give another --seed.",
)
def submit(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="JSON file with a request, an array of requests, or one per line; - is stdin.",
        ),
    ] = None,
    *,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A preset of the rules file, below what the other options say.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    workflow: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(WORKFLOWS)}, or a workflow UUID.",
            show_default="full-naomi",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="PHOTO", help=f"Photo of the garment: {_PHOTO}.", rich_help_panel=_WHAT
        ),
    ] = None,
    pose: Annotated[
        str | None,
        typer.Option(
            metavar="PHOTO", help=f"Photo whose pose is copied: {_PHOTO}.", rich_help_panel=_WHAT
        ),
    ] = None,
    image_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Instead of --image: its id at Hautech.", rich_help_panel=_WHAT
        ),
    ] = None,
    pose_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Instead of --pose: its id at Hautech.", rich_help_panel=_WHAT
        ),
    ] = None,
    aspect_ratio: Annotated[
        str | None,
        typer.Option(
            metavar="W:H", help=f"{', '.join(ASPECT_RATIO_SIZES)}.", rich_help_panel=_WHAT
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Model, stance, garments, background.", rich_help_panel=_WHAT
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help='What the garment is: "a white jacket".', rich_help_panel=_WHAT
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another seed is another picture.", rich_help_panel=_WHAT)
    ] = None,
    is_human: Annotated[
        bool | None,
        typer.Option(
            "--is-human/--no-is-human",
            help="A person wears the garment in its photo.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    enhance_prompt: Annotated[
        bool | None,
        typer.Option(
            "--enhance-prompt/--no-enhance-prompt",
            help="Let Hautech rewrite the prompt.",
            rich_help_panel=_WHAT,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="S3-URI",
            help="Where the pictures go: a prefix ending in /, or an exact key. With a file: for "
            "requests that do not say it.",
            show_default="generated/ in the first output bucket",
            rich_help_panel=_HOW,
        ),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Idempotency key.",
            show_default="name and content hash",
            rich_help_panel=_HOW,
        ),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Comes back in the event; may be repeated.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            metavar="TIME",
            parser=_life,
            help="Not submitted by then, it is not paid for: 30m, 1h.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    rules: RulesFile = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the jobs until they end.", rich_help_panel=_THEN)
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="With --wait: stop following after so long.",
            min=0.2,
            rich_help_panel=_THEN,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For scripts.", rich_help_panel=_THEN)
    ] = False,
) -> None:
    """Send requests: from options, a JSON file or stdin.

    Photos on this machine are uploaded to the first input bucket, each content once. Everything is
    checked before anything is sent.
    """
    options = Options(
        preset=preset,
        workflow=workflow,
        image=_photo_or_id(image, image_id, "--image"),
        pose=_photo_or_id(pose, pose_id, "--pose"),
        aspect_ratio=aspect_ratio,
        prompt=prompt,
        label=label,
        seed=seed,
        is_human=is_human,
        enhance_prompt=enhance_prompt,
        request_id=request_id,
        metadata=_metadata(metadata),
        expires_in=expires_in,
    )
    if timeout is not None and not wait:
        raise typer.BadParameter("--timeout: only --wait follows the jobs; give both")
    drafts = _drafts(source, options, clock_for(ctx))
    needs = ["WORKER_REQUEST_QUEUE_URL", "WORKER_INPUT_BUCKETS", "WORKER_OUTPUT_BUCKETS"]
    try:
        services = services_for(ctx, *needs, *(["WORKER_JOB_TABLE"] if wait else []))
    except SettingsError:
        if missing := missing_of(drafts):  # told with the settings, not after them
            print_findings(missing, from_flags=source is None, as_json=as_json)
        raise
    batch = _prepared(drafts, services, output, rules)
    findings = batch.findings or conflicts_of(batch, services)
    if findings:
        print_findings(findings, from_flags=source is None, as_json=as_json)
        raise typer.Exit(USAGE)
    _upload(batch, services)
    bodies = {one.request_id: one.body for one in batch.ready}
    refusals = Refusals(services, bodies) if wait else None
    errors = _send(batch.ready, services)
    if not as_json:
        print_receipt(batch, errors, expires=expires_in is not None, follow=not wait)
    if not wait or errors:
        if as_json:
            print_json({"requests": [receipt_json(one, errors) for one in batch.ready]})
        raise typer.Exit(FAILED if errors else 0)
    _follow(batch.ready, services, refusals, timeout_s=timeout, as_json=as_json)


def _photo_or_id(photo: str | None, image_id: str | None, name: str) -> str | None:
    if photo is not None and image_id is not None:
        raise typer.BadParameter(f"{name} and {name}-id name the same image; give one of them")
    if photo is not None and names_no_photo(photo, Path.cwd()):
        # Taken for an id, a mistyped file would become a job that Hautech can only fail.
        raise typer.BadParameter(
            f"{name}: {shown(photo)} is no file here; an id of Hautech goes with {name}-id"
        )
    return photo if photo is not None else image_id


def _metadata(pairs: list[str] | None) -> dict[str, str] | None:
    try:
        return parse_metadata(pairs) if pairs else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--metadata") from error


def _drafts(source: str | None, options: Options, clock: Clock) -> list[Draft]:
    given = options.given()
    if source is None:
        return [from_options(options, now=clock.now())]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"{names}: with a file, the requests say it themselves")
    try:
        if source == "-":
            if sys.stdin.isatty():
                remark("Reading requests from the terminal; Ctrl-D ends them.")
            return from_text(sys.stdin.read(), Path.cwd())
        path = Path(source)
        return from_text(path.read_text(encoding="utf-8"), path.resolve().parent)
    except DraftError as error:
        raise fail(f"{_source_name(source)}: {error}", code=USAGE) from error
    except UnicodeDecodeError as error:
        said = f"{_source_name(source)}: not UTF-8 text; requests are JSON in UTF-8"
        raise fail(said, code=USAGE) from error
    except OSError as error:
        reason = error.strerror or str(error)
        said = f"{source}: {reason}; give a JSON file, or - for stdin"
        raise fail(said, code=USAGE) from error


def _source_name(source: str) -> str:
    return "stdin" if source == "-" else source


def _prepared(
    drafts: list[Draft], services: Services, output: str | None, rules: str | None
) -> Batch:
    settings = services.settings
    uses_presets = any(draft.document.get(PRESET) is not None for draft in drafts)
    limits = PhotoLimits(settings.source_max_bytes, settings.source_max_pixels)
    return prepare(
        drafts,
        PhotoShelf(settings.input_buckets[0], limits),
        output=output,
        usual_output=f"s3://{settings.output_buckets[0]}/generated/",
        presets=presets_in(rules, services) if rules and uses_presets else None,
        input_buckets=frozenset(settings.input_buckets),
        output_buckets=frozenset(settings.output_buckets),
    )


def _upload(batch: Batch, services: Services) -> None:
    photos = list(batch.photos.values())
    with ThreadPoolExecutor(_UPLOADS_AT_ONCE) as pool:
        try:
            sent = list(pool.map(lambda photo: upload(photo, services.objects), photos))
        except SettingsError:
            raise
        except (PhotoError, OSError, WorkerError) as error:
            raise fail(f"{error}\nNothing was submitted.") from error
    place = f"s3://{services.settings.input_buckets[0]}/uploads/"
    if there := len(photos) - sum(sent):
        remark(f"{count(there, 'photo')} already in {place}.")
    if any(sent):
        remark(f"Uploaded {count(sum(sent), 'photo')} to {place}.")


def _send(ready: list[Ready], services: Services) -> dict[str, str]:
    """Sends all requests; by id, why some could not be sent."""

    def send(one: Ready) -> str | None:
        try:
            services.request_queue.send_batched(one.body)
        except WorkerError as error:
            return error.message
        return None

    # The queue sends what threads hand in at the same time in one call.
    with ThreadPoolExecutor(_SENDS_AT_ONCE) as pool:
        outcomes = list(pool.map(send, ready))
    return {
        one.request_id: error
        for one, error in zip(ready, outcomes, strict=True)
        if error is not None
    }


def _follow(
    ready: list[Ready],
    services: Services,
    refusals: Refusals | None,
    *,
    timeout_s: float | None,
    as_json: bool,
) -> None:
    request_ids = [one.request_id for one in ready]
    following = Following(
        services.store,
        request_ids,
        {one.request_id: conflict_check(one) for one in ready},
        refusals,
    )
    # With --json, stdout is for the document alone.
    console = stderr() if as_json else stdout()
    try:
        is_over = Show(console=console, clock=services.clock).until_over(following, timeout_s)
    except KeyboardInterrupt:
        remark(left_alone(request_ids, following.lines(now=services.clock.now())))
        raise typer.Exit(130) from None
    lines = following.lines(now=services.clock.now())
    if as_json:
        print_json({"requests": [verdict_json(line) for line in lines]})
    else:
        print_verdicts(lines)
    if not is_over:
        raise fail(unfinished(lines, timeout_s))
    if any(line.progress.result == "failed" for line in lines):
        raise typer.Exit(FAILED)
