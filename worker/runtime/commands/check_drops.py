"""Checks the rules file of drop folders: whether it can be read and used, and what counts if not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.bootstrap import Application
from worker.drops.rules import load_rules
from worker.engine.drop_rules import read_rules_text
from worker.errors import ImageForbiddenError, ImageMissingError, RulesError
from worker.runtime.commands.findings import Finding, findings_of
from worker.runtime.commands.wording import count

AREA: Final = "Drop folders"
NAME: Final = "rules"

_PROBLEMS_SHOWN: Final = 10


def check_drops(application: Application) -> Iterator[Finding]:
    """The rules file, if the settings name one, and the rules that are in force while it is broken."""
    if application.settings.drop_rules is not None:
        yield from findings_of(AREA, NAME, lambda: _rules(application))


def _rules(application: Application) -> Iterator[Finding]:
    settings = application.settings
    place = settings.drop_rules
    assert place is not None  # noqa: S101 -- looked at above
    try:
        rules = load_rules(
            read_rules_text(application.objects, place),
            input_buckets=frozenset(settings.input_buckets),
            output_buckets=frozenset(settings.output_buckets),
            source=str(place),
        )
    except RulesError as error:
        for found in error.problems[:_PROBLEMS_SHOWN]:
            fix = f"{found.problem.fix} (hautech-worker rules check tries a file)".lstrip()
            yield Finding(AREA, NAME, "failed", f"{place}: {found}", fix)
        yield _kept(application)
    except (ImageMissingError, ImageForbiddenError) as error:
        yield Finding(AREA, NAME, "failed", error.message, "or correct WORKER_DROP_RULES")
        yield _kept(application)
    else:
        said = f"{count(len(rules.rules), 'rule')} and {count(len(rules.presets), 'preset')} can be used"
        yield Finding(AREA, NAME, "ok", said)


def _kept(application: Application) -> Finding:
    kept = application.shelf.read()
    if kept is not None and kept.source == str(application.settings.drop_rules):
        return Finding(
            AREA, "in force", "warning", "the last version that could be used stays in force"
        )
    said = "no version could be used yet: dropped photos and requests with a preset wait"
    return Finding(AREA, "in force", "failed", said, "correct the file")
