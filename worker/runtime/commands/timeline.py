"""A job as a person reads it: what it is, how it stands, and what happened when and why.

The history in the record is enough for that: nothing is asked of AWS or Hautech.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from worker.contracts.text import shorten
from worker.jobs.job import HistoryEntry, Job, JobState, Step, StepState
from worker.runtime.commands.output import plain, print_hanging, show, styled
from worker.runtime.commands.wording import ago, count, duration, moment, shorten_middle, size

STATE_STYLES: Final[Mapping[JobState, str]] = {
    JobState.ACCEPTED: "yellow",
    JobState.RUNNING: "cyan",
    JobState.ANNOUNCING: "cyan",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
}
_STEP_STYLES: Final[Mapping[str, str]] = {
    StepState.COMPLETED: "green",
    StepState.FAILED: "red",
    StepState.SUBMITTING: "yellow",
    JobState.SUCCEEDED: "bold green",
    "uploaded": "green",
}
_LABEL_WIDTH = 11
_SUBJECT_CHARACTERS = 34


def state_text(state: JobState) -> Text:
    """The state in its colour."""
    return Text(state.value, style=STATE_STYLES[state])


def print_job(console: Console, job: Job, *, now: datetime) -> None:
    """The whole story of a job: facts first, then the timeline."""
    head, *facts = _facts(job, now)
    console.print(head, soft_wrap=True)
    for fact in facts:
        print_hanging(console, fact, _LABEL_WIDTH)
    console.print()
    show(console, timeline(job))


def timeline(job: Job, *, last: int | None = None) -> Table:
    """One row per thing that happened: since the start, time of day, and what and why.

    Only the `last` so many, if that is given (1 or more).
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True, style="dim")
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold", ratio=1)
    for entry in job.history[-last:] if last else job.history:
        since_s = (entry.at - job.accepted_at).total_seconds()
        clock = entry.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
        table.add_row(f"+{_since(since_s)}", clock, _told(entry))
    return table


def output_lines(job: Job) -> Iterator[tuple[str, str]]:
    """URI and a few words of each picture that the job has put in S3."""
    for output in _event_data(job).get("outputs") or ():
        words = f"{output['width']}×{output['height']}, {size(output['bytes'])}"
        yield str(output["uri"]), words


def result_ids(job: Job) -> dict[str, Any]:
    """What the job made besides pictures, by name: `poseId`, `imageId`."""
    return dict(_event_data(job).get("result") or {})


def total_s(job: Job, now: datetime) -> float:
    """Seconds from accepting the request to its end, or until now."""
    end = job.updated_at if job.state.is_final else now
    return (end - job.accepted_at).total_seconds()


def _facts(job: Job, now: datetime) -> Iterator[Text]:
    yield Text.assemble((plain(job.request_id), "bold"), "  ", state_text(job.state))
    yield _fact("workflow", job.workflow)
    yield _fact("accepted", f"{moment(job.accepted_at)} ({ago(job.accepted_at, now)})")
    took = duration(total_s(job, now))
    yield _fact("took" if job.state.is_final else "so far", took)
    if job.reopened_at:
        last = f"the last time {moment(job.reopened_at)}"
        yield _fact("redriven", f"{count(job.redrives, 'time')}, {last}")
    if job.metadata:
        yield _fact("metadata", shorten(json.dumps(job.metadata, ensure_ascii=False), 300))
    for image in job.images:
        pixels = f"{image.width_px}×{image.height_px}, " if image.width_px else ""
        known = f"{pixels}Hautech image {image.image_id}" if image.image_id else "not uploaded yet"
        yield _fact("input", f"{image.uri} ({known})")
    for step in job.steps:
        for run in step.earlier:
            cost = f", {run.credits} credits" if run.credits is not None else ""
            yield _fact("earlier", f"{step.name}: pipeline {run.pipeline_id} failed{cost}")
        yield _fact("step", _step_words(step))
    outputs = list(output_lines(job))
    for uri, words in outputs:
        yield _fact("output", f"{uri} ({words})", style="green")
    if not outputs:
        yield _fact("output", _no_output(job))
    for name, value in result_ids(job).items():
        yield _fact("result", f"{name} {value}")
    if job.failure:
        yield _fact("error", f"{job.failure.code}: {job.failure.message}", style="red")
        again = (
            "the same request under a new requestId may succeed"
            if job.failure.retryable
            else "the request, its images or the set-up must change first"
        )
        yield _fact("", f"failed in {job.failure.stage}; {again}")
        yield _fact(
            "", f"what a redrive would do: hautech-worker dead-letters why {job.request_id}"
        )
    elif job.failures:
        yield _fact("trouble", f"{count(job.failures, 'failed attempt')} in a row", style="yellow")
    if job.lease and job.lease.until > now:
        left = duration((job.lease.until - now).total_seconds())
        yield _fact("held", f"a worker holds it for {left} more")


def _no_output(job: Job) -> str:
    """What to say of a job without pictures: not yet, not any more, or never meant to have any."""
    if job.state is JobState.SUCCEEDED:
        where = ", ".join(f"{name} {value}" for name, value in result_ids(job).items())
        is_in = f"; {where} is in the result" if where else ""
        return f"none: {job.workflow} makes no picture{is_in}"
    return "none" if job.failure else f"{job.output_uri} (nothing yet)"


def _fact(label: str, value: str, *, style: str = "") -> Text:
    return Text.assemble((label.ljust(_LABEL_WIDTH), "dim"), (plain(value), style))


def _step_words(step: Step) -> str:
    words = f"{step.name}: {step.state.value}"
    if step.pipeline:
        words += f", pipeline {step.pipeline.pipeline_id}"
        if step.pipeline.adopted:
            words += " (adopted: its answer had been lost)"
        if step.pipeline.credits is not None:
            words += f", {step.pipeline.credits} credits"
    elif step.submission and step.submission.answer:
        words += f", answer unknown: {step.submission.answer}"
    return words


def _told(entry: HistoryEntry) -> Text:
    told = styled(_subject(entry.subject), "bold")
    told.append("  ")
    after = Text(plain(entry.after), style=_STEP_STYLES.get(entry.after, _failed_style(entry)))
    if entry.before is not None and entry.before != entry.after:
        told.append(f"{plain(entry.before)} → ")
    elif entry.before is not None:
        told.append("still ")
    told.append_text(after)
    if entry.attempt > 1:
        told.append(f"  attempt {entry.attempt}", style="yellow")
    if entry.because:
        told.append("\n")
        told.append(plain(entry.because), style="dim")
    return told


def _failed_style(entry: HistoryEntry) -> str:
    return "bold red" if entry.after == "failed" else ""


def _subject(subject: str) -> str:
    """`image s3://catalog/raw/sku.png` by its file name: the facts above have the whole URI."""
    kind, _, name = subject.partition(" ")
    if kind == "image":
        name = name.rstrip("/").rpartition("/")[2]
    return f"{kind} {shorten_middle(name, _SUBJECT_CHARACTERS)}".strip()


def _since(seconds: float) -> str:
    """Seconds to the millisecond while they tell something, then in words."""
    return f"{seconds:.3f} s" if seconds < 60 else duration(seconds)


def _event_data(job: Job) -> dict[str, Any]:
    data = (job.event or {}).get("data")
    return data if isinstance(data, dict) else {}
