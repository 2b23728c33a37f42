"""How the jobs of a `submit --wait` ended, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from worker.runtime.commands.following import Check, Line
from worker.runtime.commands.output import stdout, styled
from worker.runtime.commands.preparation import Ready
from worker.runtime.commands.timeline import output_lines, result_ids
from worker.runtime.commands.wording import count, duration

CONFLICT = (
    "request.conflict: this requestId was used before with other content, and that job is left "
    "alone: give another --request-id"
)


def conflict_check(ready: Ready) -> Check:
    """Says whether a record belongs to another request with the same id."""
    return lambda job: None if ready.digest in (None, job.content_digest) else CONFLICT


def print_verdicts(lines: Sequence[Line]) -> None:
    """One paragraph per job that is over: the pictures, or the whole reason why there are none."""
    console = stdout()
    for line in lines:
        if line.progress.result == "open":
            continue
        if line.progress.result == "failed" or line.job is None:
            console.print(styled(f"{line.request_id}: {_reason(line)}", "red"), soft_wrap=True)
            continue
        took = duration((line.job.updated_at - line.job.accepted_at).total_seconds())
        console.print(styled(f"{line.request_id}: done in {took}", "green"), soft_wrap=True)
        for uri, words in output_lines(line.job):
            console.print(styled(f"  {uri} ({words})"), soft_wrap=True)
        for name, value in result_ids(line.job).items():
            console.print(styled(f"  {name} {value}"), soft_wrap=True)


def unfinished(lines: Sequence[Line], timeout_s: float | None) -> str:
    """Which jobs are not over after `timeout_s` seconds, and how to go on."""
    names = _open(lines)
    over = f"{count(len(names), 'job')} of {len(lines)} not over after {timeout_s:g} s"
    return f"{over}; the jobs go on without you: {_watch(names)}"


def left_alone(request_ids: Sequence[str], lines: Sequence[Line]) -> str:
    """How to go on following the jobs that a person has stopped following.

    Args:
        request_ids: All of them.
        lines: How they stood when last looked at; none if that had not been done yet.
    """
    over = {line.request_id for line in lines} - set(_open(lines))
    return f"The jobs go on without you: {_watch([one for one in request_ids if one not in over])}"


def _open(lines: Sequence[Line]) -> list[str]:
    return [line.request_id for line in lines if line.progress.result == "open"]


def _watch(names: Sequence[str]) -> str:
    return " ".join(["hautech-worker watch", *names[:3], *(["…"] if len(names) > 3 else [])])


def _reason(line: Line) -> str:
    job = line.job
    if job is not None and job.failure is not None and line.progress.doing != CONFLICT:
        return f"{job.failure.code}: {job.failure.message}"  # a line of the table has a part of it
    return line.progress.doing


def verdict_json(line: Line) -> dict[str, Any]:
    """The verdict on one request."""
    is_ours = line.progress.result != "failed" or line.progress.doing != CONFLICT
    data = ((line.job.event or {}).get("data") or {}) if line.job and is_ours else {}
    error = data.get("error")
    if not is_ours:
        code, _, message = CONFLICT.partition(": ")
        error = {"code": code, "message": message, "stage": "accept", "retryable": False}
    refusal = line.refusal
    if refusal:
        error = {
            "code": refusal.code,
            "message": refusal.message,
            "stage": refusal.stage,
            "retryable": False,
        }
    return {
        "requestId": line.request_id,
        "status": "refused" if refusal else line.progress.result,
        "outputs": data.get("outputs") or [],
        "result": data.get("result") or {},
        "error": error,
    }
