"""An audit is green only when every package was really looked up."""

import json

import pytest

from tests.audit.verdict import Verdict, read_report

CLEAN = {"name": "six", "version": "1.17.0", "vulns": []}
WEAK = {
    "name": "pillow",
    "version": "9.0",
    "vulns": [{"id": "CVE-2022-1", "fix_versions": ["9.1"], "aliases": [], "description": "…"}],
}
SKIPPED = {"name": "boto3", "skip_reason": "Dependency not found and could not be audited"}


@pytest.mark.parametrize(
    ("packages", "verdict", "said"),
    [
        ([CLEAN], Verdict.CLEAN, "1 packages: clean"),
        ([CLEAN, WEAK], Verdict.FOUND, "pillow 9.0: CVE-2022-1, mended in 9.1"),
        ([CLEAN, SKIPPED], Verdict.UNKNOWN, "1 of 2 packages are not known"),
        ([WEAK, SKIPPED], Verdict.FOUND, "1 of 2 packages are not known"),
        ([], Verdict.UNKNOWN, "0 of 0 packages"),
    ],
)
def test_a_report_is_what_was_really_looked_up(packages: list, verdict: Verdict, said: str) -> None:
    report = read_report(json.dumps({"dependencies": packages, "fixes": []}))
    assert report.verdict is verdict
    assert said in "\n".join(report.lines)


@pytest.mark.parametrize("text", ["", "Traceback …", "[]", "{}", "null"])
def test_no_report_is_no_all_clear(text: str) -> None:
    assert read_report(text).verdict is Verdict.UNKNOWN
