"""What a check found: a value for each, and the rule that no check ends the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from worker.errors import SettingsError, WorkerError
from worker.hautech.errors import HautechError

Level = Literal["ok", "warning", "failed", "skipped"]

NOT_ALLOWED: Final = ("(HTTP 403)", "AccessDenied", "AuthorizationError")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        area: Heading under which it stands.
        name: What was checked.
        level: How it is.
        said: What was found, without secrets.
        fix: What to do about it.
    """

    area: str
    name: str
    level: Level
    said: str
    fix: str = ""


Check = Callable[[], Iterable[Finding]]


def findings_of(area: str, name: str, check: Check) -> Iterator[Finding]:
    """All findings of a check. An error ends that check and becomes its last finding."""
    try:
        yield from check()
    except SettingsError as error:
        for problem in error.problems:
            said = f"{problem.field}: {problem.rule}"
            yield Finding(area, name, "failed", said, problem.fix)
    except WorkerError as error:
        yield Finding(area, name, "failed", *_split_fix(error.message))
    except HautechError as error:
        yield Finding(area, name, "failed", str(error))
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide the other findings
        said = f"the check itself failed: {type(error).__name__}"
        yield Finding(
            area, name, "failed", said, "please report it with `hautech-worker --version`"
        )


def unless_forbidden(area: str, name: str, check: Check, without: str) -> Iterator[Finding]:
    """Findings of a look that the worker itself can do without.

    Refused permission is then only a warning; `without` says what could not be checked.
    """
    for finding in findings_of(area, name, check):
        if finding.level == "failed" and any(mark in finding.said for mark in NOT_ALLOWED):
            said = f"could not look at {without}: {finding.said}"
            fix = f"for this check only: {finding.fix}" if finding.fix else ""
            yield Finding(area, name, "warning", said, fix)
        else:
            yield finding


def told_once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings on one thing: a cause and fix that was told already is only pointed at."""
    told: dict[str, str] = {}
    for finding in findings:
        if finding.level != "failed" or not finding.fix:
            yield finding
        elif finding.fix in told:
            said = f"not checked: the same cause as {told[finding.fix]}, see above"
            yield Finding(finding.area, finding.name, "skipped", said)
        else:
            told[finding.fix] = finding.name
            yield finding


def skipped(area: str, name: str, missing: str) -> Finding:
    """A check that could not be made because a setting is missing or wrong."""
    return Finding(area, name, "skipped", f"not checked: {missing} is not usable yet")


def _split_fix(message: str) -> tuple[str, str]:
    """Our errors put the fix after the last semicolon."""
    said, semicolon, fix = message.rpartition("; ")
    return (said, fix) if semicolon else (message, "")
