"""Checks every setting, and makes the most of those that are right for the checks after it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from worker.contracts.text import redact, shorten
from worker.errors import Problem, SettingsError
from worker.runtime.commands.findings import Finding
from worker.runtime.commands.wording import count
from worker.settings import SETTINGS, Settings, load_settings

AREA: Final = "Settings"

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}")


@dataclass(frozen=True, slots=True)
class SettingsReport:
    """`settings` has what is right (the rest is empty); None if not even that can be read."""

    settings: Settings | None
    findings: tuple[Finding, ...]


def check_settings(environ: Mapping[str, str]) -> SettingsReport:
    """Reads the environment; what is wrong becomes findings and is left out."""
    problems: tuple[Problem, ...] = ()
    try:
        settings: Settings | None = load_settings(environ)
    except SettingsError as error:
        problems = error.problems
        settings = _without(environ, problems)
    return SettingsReport(settings, tuple(_findings(environ, problems, settings)))


def _without(environ: Mapping[str, str], problems: tuple[Problem, ...]) -> Settings | None:
    wrong = {name for problem in problems for name in _VARIABLE.findall(problem.field)}
    rest = {name: value for name, value in environ.items() if name not in wrong}
    try:
        return load_settings(rest, needs=())
    except SettingsError:
        return None


def _findings(
    environ: Mapping[str, str], problems: tuple[Problem, ...], settings: Settings | None
) -> Iterator[Finding]:
    wrong = {name for problem in problems for name in _VARIABLE.findall(problem.field)}
    at_default = 0
    for spec in SETTINGS:
        value = environ.get(spec.name, "").strip()
        if spec.name in wrong:
            continue
        if not value:
            at_default += 1
            continue
        said = "set (not shown)" if spec.secret else shorten(redact(value), 120)
        yield Finding(AREA, spec.name, "ok", said)
    if at_default:
        others = count(at_default, "setting")
        yield Finding(AREA, "the others", "ok", f"{others} not set: the defaults count")
    for problem in problems:
        said = f"{problem.value}: {problem.rule}" if problem.value else problem.rule
        yield Finding(AREA, problem.field, "failed", said, problem.fix)
    told = {problem.field for problem in problems}
    for warning in settings.warnings if settings else ():
        name, _, said = warning.partition(" ")
        if name not in told:
            yield Finding(AREA, name, "warning", said, "remove it, or correct its name")
