"""`hautech-worker doctor`: checks everything that the worker needs, and says how to fix it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from worker.bootstrap import Application, build_application
from worker.runtime.commands.check_drops import check_drops
from worker.runtime.commands.check_hautech import check_hautech
from worker.runtime.commands.check_identity import AREA as IDENTITY
from worker.runtime.commands.check_identity import check_identity, check_region
from worker.runtime.commands.check_intake import check_intake
from worker.runtime.commands.check_queues import AREA as QUEUES
from worker.runtime.commands.check_queues import check_queues
from worker.runtime.commands.check_settings import check_settings
from worker.runtime.commands.check_storage import check_buckets, check_table, check_topic
from worker.runtime.commands.deployed.asking import Aws, sign_in
from worker.runtime.commands.deployed.check_stacks import AREA as STACKS
from worker.runtime.commands.deployed.examining import Caller, examine_deployment, settings_for
from worker.runtime.commands.findings import Finding, findings_of, told_once
from worker.runtime.commands.output import (
    FAILED,
    plain,
    print_hanging,
    print_json,
    show,
    stdout,
    styled,
)
from worker.runtime.commands.wording import count

app = typer.Typer(add_completion=False)

_MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("ok  ", "green"),
    "warning": ("warn", "yellow"),
    "failed": ("FAIL", "bold red"),
    "skipped": ("-   ", "dim"),
}


@app.command(
    epilog="[bold]Examples[/bold]\n\n"
    "  hautech-worker doctor\n"
    "  hautech-worker doctor --deployed hautech-worker-dev\n"
    "  hautech-worker doctor --json | jq '.findings\\[] | select(.level == \"failed\")'"
)
def doctor(
    *,
    deployed: Annotated[
        str, typer.Option("--deployed", metavar="STACK", help="Check what runs in AWS instead.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check settings, AWS and Hautech, and say how to fix what is wrong.

    Run it with the environment and the permissions of the worker. It pays for nothing, shows no
    secret, and leaves nothing behind. Ends with 1 if something failed; warnings are 0.

    With --deployed it needs no settings but AWS's own: it takes them from the stack (resources,
    functions or container), and first checks that and everything that belongs to it. What you may
    not look at is told and left out.
    """
    findings: list[Finding] = []
    console = stdout()
    area = ""
    for finding in examine_stack(deployed) if deployed else examine(os.environ):
        findings.append(finding)
        if as_json:
            continue
        if finding.area != area:
            area = finding.area
            console.print(Text(f"\n{area}" if len(findings) > 1 else area, style="bold"))
        _print(console, finding)
    if as_json:
        print_json({"findings": [_json(finding) for finding in findings]})
    else:
        console.print(_sum(findings))
    if any(finding.level == "failed" for finding in findings):
        raise typer.Exit(FAILED)


def examine_stack(name: str) -> Iterator[Finding]:
    """All checks of the deployment that a stack belongs to, then those of any worker with its settings."""
    caller = Caller()
    opened: list[Aws] = []

    def open_account() -> Iterator[Finding]:
        opened.append(sign_in())
        yield from ()

    yield from findings_of(STACKS, name, open_account)
    for aws in opened:
        try:
            yield from caller.findings(_with_settings(aws, name))
        finally:
            aws.close()


def _with_settings(aws: Aws, name: str) -> Generator[Finding, None, None]:
    settings = yield from examine_deployment(aws, name)
    if settings is not None:
        yield from examine(settings_for(settings, os.environ))


def examine(environ: Mapping[str, str]) -> Iterator[Finding]:
    """All checks, one after the other; each goes on whatever the others found."""
    report = check_settings(environ)
    yield from report.findings
    if report.settings is None:
        said = "the settings cannot be used at all: correct them first"
        yield Finding("Settings", "everything else", "skipped", said)
        return
    application = build_application(report.settings)
    try:
        yield from _aws(application)
        yield from check_hautech(application)
    finally:
        application.close()


def _aws(application: Application) -> Iterator[Finding]:
    settings = application.settings

    def identity() -> Iterable[Finding]:
        region = application.clients.sqs.meta.region_name
        return check_identity(region, settings.result_topic_arn)

    found = list(check_region()) or list(findings_of(IDENTITY, "credentials", identity))
    yield from found
    if any(finding.level == "failed" for finding in found):
        said = "not checked: queues, topic, table and buckets come once this works"
        yield Finding(IDENTITY, "everything on AWS", "skipped", said)
        return
    yield from findings_of(QUEUES, "queues", lambda: check_queues(application))
    yield from check_topic(application)
    yield from told_once(check_table(application))
    yield from check_buckets(application)
    yield from check_drops(application)
    yield from check_intake(application)


def _print(console: Console, finding: Finding) -> None:
    mark, style = _MARKS[finding.level]
    line = Text.assemble("  ", (mark, style), "  ", (plain(finding.name), "bold"), "  ")
    line.append_text(styled(finding.said))
    print_hanging(console, line, 8)
    if finding.fix:
        # Wrapped under itself: it is for reading, not for copying as one piece.
        show(console, Padding(styled(f"-> {finding.fix}", "green"), (0, 0, 0, 8)))


def _sum(findings: list[Finding]) -> Text:
    failed = sum(1 for finding in findings if finding.level == "failed")
    warnings = sum(1 for finding in findings if finding.level == "warning")
    fine = sum(1 for finding in findings if finding.level == "ok")
    words = f"\n{fine} ok, {count(warnings, 'warning')}, {failed} failed"
    return Text(words, style="red" if failed else "yellow" if warnings else "green")


def _json(finding: Finding) -> dict[str, Any]:
    return {
        "area": finding.area,
        "name": finding.name,
        "level": finding.level,
        "said": finding.said,
        "fix": finding.fix,
    }
