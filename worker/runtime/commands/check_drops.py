"""Checks the rules file of drop folders: whether it can be read and used, and what counts if not.

If it can, whether what it says can be done: `check_marks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.bootstrap import Application
from worker.runtime.commands.check_marks import check_marks
from worker.runtime.commands.findings import Finding, findings_of
from worker.runtime.commands.rules_standing import RulesStanding, rules_standing
from worker.runtime.commands.wording import ago, count, moment

AREA: Final = "Drop folders"
NAME: Final = "rules"

_PROBLEMS_SHOWN: Final = 10


def check_drops(application: Application) -> Iterator[Finding]:
    """The rules file, if the settings name one, and the rules that are in force while it is broken."""
    if application.settings.drop_rules is not None:
        yield from findings_of(AREA, NAME, lambda: _rules(application))


def _rules(application: Application) -> Iterator[Finding]:
    place = application.settings.drop_rules
    assert place is not None  # noqa: S101 -- looked at above
    standing = rules_standing(
        place,
        settings=application.settings,
        objects=application.objects,
        shelf=application.shelf,
    )
    if not standing.is_broken and standing.in_force is not None:
        rules = standing.in_force.rules
        said = f"{count(len(rules.rules), 'rule')} and {count(len(rules.presets), 'preset')} can be used"
        yield Finding(AREA, NAME, "ok", said)
        yield from check_marks(application, rules, AREA)
        return
    if standing.error is not None:
        for found in standing.error.problems[:_PROBLEMS_SHOWN]:
            fix = f"{found.problem.fix} (hautech-worker rules check tries a file)".lstrip()
            yield Finding(AREA, NAME, "failed", f"{place}: {found}", fix)
    else:
        yield Finding(AREA, NAME, "failed", standing.unread, "or correct WORKER_DROP_RULES")
    yield _in_force(standing, application)


def _in_force(standing: RulesStanding, application: Application) -> Finding:
    since = standing.broken_since
    when = f"; broken since {moment(since)}, {ago(since, application.clock.now())}" if since else ""
    if standing.in_force is not None:
        said = f"the last version that could be used stays in force{when}"
        return Finding(AREA, "in force", "warning", said, "hautech-worker rules show tells which")
    said = f"no version could be used yet: dropped photos and requests with a preset wait{when}"
    return Finding(AREA, "in force", "failed", said, "correct the file")
