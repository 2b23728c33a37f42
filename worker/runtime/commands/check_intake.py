"""Checks whether the workers take requests, as the last one that found out told it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from worker.bootstrap import Application
from worker.engine.notices import holds_requests
from worker.ports.notices import CircuitNotice, HoldReason
from worker.runtime.commands.check_hautech import AREA
from worker.runtime.commands.findings import Finding, skipped, unless_forbidden
from worker.runtime.commands.wording import duration

NAME: Final = "intake"

_QUIET: Final = timedelta(minutes=1)
"""So long after a try was due, the wait is for a request to try with."""

_FIXES: Final[Mapping[HoldReason, str]] = {
    HoldReason.HAUTECH_DOWN: "wait: the workers find out by themselves, and poll what is paid for",
    HoldReason.TOKEN_REFUSED: (
        "a new token or application key; restart the workers, unless it is in the secret behind "
        "HAUTECH_SECRET_ARN"
    ),
    HoldReason.OUT_OF_FUNDS: "top the account up at Hautech; the workers find out by themselves",
    HoldReason.MISCONFIGURED: "correct the setting that the message names, restart the workers",
}


def check_intake(application: Application) -> Iterator[Finding]:
    """One finding: requests are taken, or held since when, why, until when, and what to do."""
    if not application.settings.job_table:
        yield skipped(AREA, NAME, "WORKER_JOB_TABLE")
        return

    def look() -> Iterator[Finding]:
        yield _finding(application, application.board.read())

    yield from unless_forbidden(AREA, NAME, look, "the notice of the workers")


def _finding(application: Application, notice: CircuitNotice | None) -> Finding:
    if notice is None:
        return Finding(AREA, NAME, "ok", "no worker has told that it holds requests back")
    if notice.reason is None:
        return Finding(AREA, NAME, "ok", "the worker that told last takes requests again")
    now = application.clock.now()
    told_s = (now - notice.told_at).total_seconds()
    if not holds_requests(notice, at=now):
        said = (
            f"unknown: requests were held {duration(told_s)} ago ({notice.reason}); since then no "
            "worker has tried, because it was stopped or no request came"
        )
        return Finding(AREA, NAME, "ok", said)
    since_s = (now - (notice.since or notice.told_at)).total_seconds()
    parts = [f"held for {duration(since_s)}", str(notice.reason), notice.said]
    if notice.next_try_at is not None:
        wait = notice.next_try_at - now
        if wait > timedelta(0):
            parts.append(f"next try in {duration(wait.total_seconds())}")
        elif -wait > _QUIET:
            parts.append("a try is due: the next request makes it, if a worker runs")
    return Finding(AREA, NAME, "warning", "; ".join(parts), _FIXES[notice.reason])
