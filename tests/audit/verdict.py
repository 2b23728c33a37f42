"""What a report of pip-audit means. One that audited nothing is no good news, whatever its exit code.

Source: pip-audit exits with 0 also when its database knows none of the packages, as it does behind
a mirror that serves files and no advisories.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum


class Verdict(IntEnum):
    """The exit code of `make audit`, which make itself shows as an error of its own."""

    CLEAN = 0
    FOUND = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one file of pins, with a sentence for each thing to know."""

    verdict: Verdict
    lines: tuple[str, ...]


def read_report(text: str) -> Report:
    """The verdict on pip-audit's JSON (`--format json`); text that is none means UNKNOWN."""
    try:
        packages = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Report(Verdict.UNKNOWN, ("no report: the database of weaknesses cannot be reached",))
    found = tuple(
        f"{package['name']} {package['version']}: {weakness['id']}"
        + (f", mended in {', '.join(fixed)}" if (fixed := weakness.get("fix_versions")) else "")
        for package in packages
        for weakness in package.get("vulns", ())
    )
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped or not packages:
        gap = f"{len(skipped)} of {len(packages)} packages are not known to the database here"
        return Report(Verdict.FOUND if found else Verdict.UNKNOWN, (*found, gap))
    return Report(
        Verdict.FOUND if found else Verdict.CLEAN, found or (f"{len(packages)} packages: clean",)
    )
