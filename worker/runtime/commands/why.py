"""`hautech-worker dead-letters why ID`: all that a person needs to decide about a dead letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.adapters.messages import QueueMessage
from worker.contracts.fields import rfc3339
from worker.contracts.text import one_line, redact
from worker.engine.redrive import Action, Judgement, Letter, judge_job
from worker.jobs.job import Job, PipelineRun
from worker.runtime.commands.advice import meaning, to_do
from worker.runtime.commands.choosing import choose
from worker.runtime.commands.letters import Reading
from worker.runtime.commands.output import fail, plain, print_json, show, stdout, styled
from worker.runtime.commands.records import job_json
from worker.runtime.commands.redriving import NEEDS, unknown_letter
from worker.runtime.commands.services import services_for
from worker.runtime.commands.timeline import timeline
from worker.runtime.commands.wording import count, moment
from worker.runtime.redriving import Redriving, letter_of

EPILOG: Final = (
    "[bold]Examples[/bold]\n\n"
    "  hautech-worker dead-letters why sku-1042-front\n"
    "  hautech-worker dead-letters why sku-1042-front --json | jq .redrive"
)
_WOULD: Final = {
    Action.REOPEN: "reopen the job",
    Action.WAKE: "wake the job",
    Action.SEND: "send the message again",
    Action.DROP: "drop the dead letter",
    Action.REFUSE: "be refused",
}
_LAST: Final = 8
"""So much of the history is shown; `job ID` has all of it."""


def why(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="The requestId or the message id.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say why a request failed, what it cost, what to do, and what a redrive would do."""
    services = services_for(ctx, *NEEDS)
    message = None
    with Reading(services.dead_letter_queue) as reading:
        message = next(choose([name], None, is_all=False).letters(reading), None)
    letter = letter_of(message) if message else None
    job = services.store.load((letter.request_id or name) if letter else name)
    if message and letter:
        desk = Redriving(
            services.record_world,
            requests=services.request_queue,
            dead_letters=services.dead_letter_queue,
        )
        judgement = desk.judge(message)
    elif job is not None:
        judgement = judge_job(job, now=services.clock.now())
    else:
        raise fail(unknown_letter(f'"{name}"', services.settings.job_table))
    if as_json:
        print_json(_json(message, letter, job, judgement))
    else:
        _print(stdout(), name, message, letter, job, judgement)


def _code(letter: Letter | None, job: Job | None) -> str | None:
    if letter is not None:
        return letter.reason.error_code if letter.reason else None
    return job.failure.code if job and job.failure else None


def _paid(job: Job | None) -> Iterator[tuple[str, PipelineRun]]:
    for step in job.steps if job else ():
        for run in (*step.earlier, *((step.pipeline,) if step.pipeline else ())):
            yield step.name, run


def _print(
    console: Console,
    name: str,
    message: QueueMessage | None,
    letter: Letter | None,
    job: Job | None,
    judgement: Judgement,
) -> None:
    code = _code(letter, job)
    head = styled((letter.request_id if letter else None) or name, "bold")
    if code:
        head.append(f"  {plain(code)}", style="red")
    elif letter:
        head.append("  no reason given", style="yellow")
    stage = letter.reason.error_stage if letter and letter.reason else None
    if stage is None and job and job.failure:
        stage = job.failure.stage
    if stage:
        head.append(f"  in {plain(stage)}", style="dim")
    console.print(head, soft_wrap=True)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold", ratio=1)
    for label, text, style in _facts(message, letter, job, judgement):
        table.add_row(label, styled(text, style))
    show(console, table)
    if job is not None:
        console.print()
        hidden = len(job.history) - _LAST
        shown = (
            f"the last of {count(len(job.history), 'entry', 'entries')}" if hidden > 0 else "all"
        )
        console.print(
            Text(f"history ({shown}; hautech-worker job {plain(job.request_id)})", style="dim"),
            soft_wrap=True,
        )
        show(console, timeline(job, last=_LAST))


def _facts(
    message: QueueMessage | None, letter: Letter | None, job: Job | None, judgement: Judgement
) -> Iterator[tuple[str, str, str]]:
    reason = letter.reason if letter else None
    code = _code(letter, job)
    if reason:
        yield "said", reason.error_message, ""
        yield "failed", moment(reason.failed_at), ""
    elif job and job.failure:
        yield "said", job.failure.message, ""
    if letter or code:
        yield "means", meaning(code), ""
        yield "to do", to_do(code), ""
    yield "job", _job_words(job), ""
    paid = [f"{step}: {_run_words(run)}" for step, run in _paid(job)]
    unsure = job is not None and any(step.submission and not step.pipeline for step in job.steps)
    if unsure:
        paid.append("perhaps one more run, whose answer was lost")
    yield "paid", "\n".join(paid) or ("nothing" if job else _paid_without_job(letter)), ""
    would = _WOULD[judgement.action]
    if message is None and judgement.action is Action.DROP:
        would = "change nothing"
    yield "redrive", f"would {would}: {judgement.because}", "bold"
    if reason and reason.event_id:
        yield "event", reason.event_id, ""
    if message is None:
        yield "message", "no dead letter is left; a redrive works from the record", ""
        return
    times = count(message.receive_count, "time")
    yield "message", f"{message.message_id}, sent {moment(message.sent_at)}, received {times}", ""
    if letter and letter.request_id is None:
        yield "body", one_line(redact(message.body[:400]), 200), ""


def _job_words(job: Job | None) -> str:
    if job is None:
        return "none: it was refused before it became one, or its record is gone"
    redriven = f", redriven {count(job.redrives, 'time')}" if job.redrives else ""
    return f"{job.state} since {moment(job.updated_at)}{redriven}"


def _run_words(run: PipelineRun) -> str:
    words = f"pipeline {run.pipeline_id}"
    if run.credits is not None:
        words += f", {run.credits} credits"
    return f"{words}, failed at Hautech" if run.is_reported_failed else words


def _paid_without_job(letter: Letter | None) -> str:
    stage = letter.reason.error_stage if letter and letter.reason else None
    return "nothing" if stage == "accept" else "not known: there is no record"


def _json(
    message: QueueMessage | None, letter: Letter | None, job: Job | None, judgement: Judgement
) -> dict[str, Any]:
    reason = letter.reason if letter else None
    failure = job.failure if job else None
    code = _code(letter, job)
    return {
        "requestId": letter.request_id if letter else (job.request_id if job else None),
        "messageId": message.message_id if message else None,
        "errorCode": code,
        "errorMessage": reason.error_message if reason else (failure.message if failure else None),
        "errorStage": reason.error_stage if reason else (failure.stage if failure else None),
        "eventId": reason.event_id if reason else None,
        "failedAt": rfc3339(reason.failed_at) if reason else None,
        "means": meaning(code) if letter or code else None,
        "toDo": to_do(code) if letter or code else None,
        "paid": [
            {
                "step": step,
                "pipelineId": run.pipeline_id,
                "credits": run.credits,
                "isReportedFailed": run.is_reported_failed,
            }
            for step, run in _paid(job)
        ],
        "redrive": {"action": judgement.action.value, "because": judgement.because},
        "body": message.body if message else None,
        "job": job_json(job) if job else None,
    }
