"""`python -m tests.audit PIP_AUDIT`: asks a database of known weaknesses about every pinned package.

Exit code 0: all were looked up and none is known to be weak. 1: some are. 2: it could not be found
out, which is no all-clear.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.audit.verdict import Verdict, read_report

_REQUIREMENTS = Path(__file__).parents[2] / "requirements"
_PATIENCE_S = 300


def main() -> int:
    """Audits each file of pins, prints what it found, and returns the worst verdict but FOUND first."""
    verdicts = []
    for path in sorted(_REQUIREMENTS.glob("*.txt")):
        report = read_report(_report_on(path))
        verdicts.append(report.verdict)
        for line in report.lines:
            print(f"{path.name}: {line}")
    if Verdict.FOUND in verdicts:
        return Verdict.FOUND
    if Verdict.UNKNOWN in verdicts:
        print("NOT AUDITED: run this where the package index serves advisories, such as in CI.")
        return Verdict.UNKNOWN
    return Verdict.CLEAN


def _report_on(path: Path) -> str:
    # The pins are hashed and complete, so nothing is resolved or installed.
    command = [sys.argv[1], "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    command += ["--format=json", "--requirement", str(path)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
