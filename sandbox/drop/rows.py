"""How a dropped file stands, in words for the table: file, rule, state, picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from sandbox.demo.progress import progress
from sandbox.drop.outlook import Kind, Outlook
from sandbox.drop.results import Words
from worker.batches.batch import Batch
from worker.jobs.job import Job, JobState


class Brought(Protocol):
    """What has come from the output bucket, by URI."""

    def file_of(self, uri: str) -> Path | None:
        """The file of an object, relative to the folder; None as long as it has not come."""

    def words_of(self, uri: str) -> Words | None:
        """What an error document says; None as long as it has not come."""


COPYING = "copying"
_REASONS_TOLD: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `files` are below the folder of results."""

    file: str
    rule: str = ""
    word: str
    detail: str = ""
    files: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """What went wrong and what to do about it, in full."""
    is_over: bool = False
    """Whether nothing more becomes of it."""


def growing_row(file: str) -> Row:
    """A file that is still being copied into the folder."""
    return Row(file=file, word=COPYING, detail="waits until it has stopped growing")


def empty_row(file: str) -> Row:
    """A file without a single byte."""
    return Row(file=file, word="ignored", detail="it is empty", is_over=True)


def refused_row(file: str, reason: str) -> Row:
    """A file that could not be put into S3."""
    return Row(file=file, word="failed", detail=reason, reasons=(reason,), is_over=True)


def row(
    file: str,
    told: Outlook,
    *,
    put_at: datetime,
    now: datetime,
    jobs: Mapping[str, Job],
    batch: Batch | None,
    brought: Brought,
    pipeline_s: float,
) -> Row:
    """How a file stands that was put into S3 at `put_at`."""
    match told.kind:
        case Kind.SIDECAR:
            return Row(
                file=file, rule=told.rule, word="read", detail="with its photo", is_over=True
            )
        case Kind.NOTHING:
            return Row(file=file, word="ignored", detail=told.problem, is_over=True)
        case _:
            pass
    if told.problem:
        return _without_request(file, told, brought)
    if not jobs and batch is None:
        is_resting = now - put_at < timedelta(seconds=told.rests_s)
        detail = "what belongs to it may still come" if is_resting else ""
        return Row(
            file=file, rule=told.rule, word="resting" if is_resting else "queued", detail=detail
        )
    if told.kind is Kind.LIST:
        return _list_row(file, told, batch, brought)
    return _photo_row(file, told, jobs, now, brought, pipeline_s)


def error_places(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Where the error documents of failed jobs are."""
    failed = (job for job in jobs if job.state is JobState.FAILED)
    drops = [(job.request.get("origin") or {}).get("drop") or {} for job in failed]
    return tuple(str(drop["error"]) for drop in drops if drop.get("error"))


def output_places(job: Job) -> tuple[str, ...]:
    """Where the pictures of a job are."""
    data = (job.event or {}).get("data") or {}
    return tuple(str(output["uri"]) for output in data.get("outputs") or ())


def _without_request(file: str, told: Outlook, brought: Brought) -> Row:
    files = _files((told.error,) if told.error else (), brought)
    return Row(
        file=file,
        rule=told.rule,
        word="failed",
        detail=told.problem,
        files=files,
        reasons=(told.problem,),
        is_over=bool(files) or told.error is None,
    )


def _photo_row(
    file: str,
    told: Outlook,
    jobs: Mapping[str, Job],
    now: datetime,
    brought: Brought,
    pipeline_s: float,
) -> Row:
    known = [jobs.get(request_id) for request_id in told.request_ids]
    over = [job for job in known if job is not None and job.state.is_final]
    files = _files([place for job in over for place in output_places(job)], brought)
    files += _files(error_places(over), brought)
    if len(over) < len(known):
        first = next(job for job in known if job is None or not job.state.is_final)
        expected_s = {step.name: pipeline_s for step in first.steps} if first else {}
        stands = progress(first, now=now, expected_s=expected_s)
        count = f"{len(over)} of {len(known)} done" if over else ""
        detail = "; ".join(part for part in (stands.detail, count) if part)
        return Row(file=file, rule=told.rule, word=stands.word, detail=detail, files=files)
    failures = [job.failure.message for job in over if job.failure is not None]
    plainly = [words for place in error_places(over) if (words := brought.words_of(place))]
    reasons = [str(words) for words in plainly] or failures
    return Row(
        file=file,
        rule=told.rule,
        word="failed" if failures else "done",
        detail=next((words.what_happened for words in plainly), "".join(failures[:1])),
        files=files,
        reasons=tuple(dict.fromkeys(reasons)),
        is_over=True,
    )


def _list_row(file: str, told: Outlook, batch: Batch | None, brought: Brought) -> Row:
    if batch is None or not batch.state.is_final:
        done, rows = (batch.over, batch.rows) if batch else (0, None)
        detail = f"{done} of {rows} rows" if rows is not None else "counting its rows"
        return Row(file=file, rule=told.rule, word="running", detail=detail)
    data = (batch.event or {}).get("data") or {}
    counts = data.get("counts") or {}
    told_counts = [f"{count} {name}" for name, count in counts.items() if count and name != "rows"]
    results, error = data.get("results"), data.get("error") or {}
    stopped = str(error.get("message", ""))
    counted = f"{counts.get('rows', 0)} rows: {', '.join(told_counts)}" if told_counts else ""
    is_done = bool(counts.get("succeeded"))
    words = brought.words_of(told.error) if told.error and not is_done else None
    places = [place for place in (results, None if is_done else told.error) if place]
    return Row(
        file=file,
        rule=told.rule,
        word="done" if is_done else "failed",
        detail="; ".join(filter(None, (stopped, counted))),
        files=_files(places, brought),
        reasons=tuple(filter(None, (stopped, *_bad_rows(batch), str(words or "")))),
        is_over=True,
    )


def _bad_rows(batch: Batch) -> Iterator[str]:
    """Why rows were refused: the first ones, since a list may have thousands."""
    for mark in batch.first_bad[:_REASONS_TOLD]:
        where = f"row {mark.row}" if mark.line is None else f"line {mark.line}"
        yield f"{where}: {mark.message}"
    if batch.bad > _REASONS_TOLD:
        yield f"and {batch.bad - _REASONS_TOLD} more, see the list of results"


def _files(places: Sequence[str], brought: Brought) -> tuple[str, ...]:
    return tuple(
        file.as_posix() for place in places if (file := brought.file_of(place)) is not None
    )
