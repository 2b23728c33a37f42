"""What `submit` says: what was sent, or why nothing was."""

from __future__ import annotations

from typing import Any

import typer
from rich.table import Table

from worker.runtime.commands.drafts import as_flag
from worker.runtime.commands.output import plain, print_json, remark, show, stderr, styled
from worker.runtime.commands.preparation import Batch, Finding, Ready
from worker.runtime.commands.wording import count


def print_findings(findings: list[Finding], *, from_flags: bool, as_json: bool) -> None:
    """All that is wrong with some requests, as a table; for people even beside JSON."""
    shown = [as_flag(one.problem) if from_flags else one.problem for one in findings]
    if as_json:
        keys = ("field", "value", "rule", "fix")
        print_json(
            {
                "problems": [
                    {"request": one.label, **{key: getattr(one.problem, key) for key in keys}}
                    for one in findings
                ]
            }
        )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("what", "value", "rule and fix"):
        table.add_column(name, overflow="fold")
    for one, problem in zip(findings, shown, strict=True):
        place = f"{one.label}: {problem.field}" if one.label else problem.field
        rule = styled(problem.rule)
        if problem.fix:
            rule.append(f"\n{plain(problem.fix)}", style="green")
        table.add_row(styled(place, "bold"), styled(problem.value), rule)
    console = stderr()
    show(console, table)
    console.print(f"{count(len(findings), 'problem')}; nothing was uploaded or sent.", style="red")


def print_receipt(batch: Batch, errors: dict[str, str], *, expires: bool, follow: bool) -> None:
    """The ids on stdout, one a line; everything else about them on stderr."""
    sent = [one.request_id for one in batch.ready if one.request_id not in errors]
    for request_id in sent:
        typer.echo(request_id)
    if batch.repeated:
        remark(f"{count(batch.repeated, 'repetition')} of a request in the file left out.")
    if batch.unresolved:
        remark(
            f"{count(batch.unresolved, 'request')} with a preset checked in part: there is no rules "
            "file here (--rules, or WORKER_DROP_RULES); the worker does the rest."
        )
    if sent:
        again = (
            "With --expires-in, the same command later is another job."
            if expires
            else "The same request again is the same job, paid once;\n"
            "the same id with other content is refused."
        )
        remark(f"Sent {count(len(sent), 'request')}. {again}")
        if follow:
            remark(f"Follow: hautech-worker watch {sent[0] if len(sent) == 1 else ''}".rstrip())
    for request_id, error in errors.items():
        stderr().print(styled(f"not sent: {request_id}: {error}", "red"), soft_wrap=True)
    if errors:
        remark("Submit again: what was sent stays the same job.")


def receipt_json(one: Ready, errors: dict[str, str]) -> dict[str, Any]:
    """One request that was, or was not, sent."""
    request_id = one.request_id
    return {
        "requestId": request_id,
        "workflow": one.workflow or None,
        "output": one.output or None,
        "sent": request_id not in errors,
        "error": errors.get(request_id),
    }
