"""The five parts of `make faults`: each is run on its own and becomes a section of the page."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.faults.matrix import run_matrix
from tests.faults.matrix_page import matrix_markdown, outcome_line
from tests.faults.plan import Cell, all_cells, entry_cells

SEEDS: Final = 10_000
_CRASH_TESTS: Final = ("tests/scenarios/test_crashes.py", "tests/scenarios/test_failing_calls.py")
_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Section:
    """What a part has found: its text, and what broke a promise."""

    markdown: str
    broken: tuple[str, ...] = ()


Tell = Callable[[str], None]


def run_simulation(tell: Tell, *, processes: int) -> Section:
    """Many seeds of the whole service in memory."""
    tell(f"{SEEDS:,} seeds …")
    return _program("tests.simulation", f"--seeds={SEEDS}", f"--processes={processes}")


def run_chaos(tell: Tell, *, processes: int) -> Section:
    """Real worker processes under load."""
    tell("worker processes under load …")
    return _program("tests.chaos")


def _program(module: str, *options: str) -> Section:
    """What a campaign of its own prints; it ends with an error when a promise was broken."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *options],
        cwd=_ROOT,
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    broken = (f"python -m {module} ended with {ended.returncode}",) if ended.returncode else ()
    return Section(ended.stdout, broken)


def run_crashes(tell: Tell, *, processes: int) -> Section:
    """Every kill, every pair of kills, every failing call, in memory."""
    tell("crash points, pairs, failing calls …")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            str(processes),
            "--dist",
            "worksteal",
        ]
        subprocess.run(
            [*command, f"--junitxml={report}", *_CRASH_TESTS],
            cwd=_ROOT,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        return read_test_report(report)


def read_test_report(report: Path) -> Section:
    """How many cases of each test there are, and how many passed."""
    cases, passed = Counter[str](), Counter[str]()
    broken: list[str] = []
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it just now
        sentence = case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " ")
        cases[sentence] += 1
        if case.find("failure") is None and case.find("error") is None:
            passed[sentence] += 1
        else:
            broken.append(case.get("name", ""))
    rows = [f"| {name} | {passed[name]:,} of {count:,} |" for name, count in cases.items()]
    rows.append(f"| **all** | **{passed.total():,} of {cases.total():,}** |")
    return Section("\n".join(["| test | passed |", "| --- | ---: |", *rows]), tuple(broken))


def run_the_matrix(tell: Tell, *, processes: int) -> Section:
    """Every call with every fault, on the adapters that ship."""
    return _matrix_of(all_cells(), tell, processes)


def run_the_entries(tell: Tell, *, processes: int) -> Section:
    """Every call of drops, batches and the asset cache with every fault."""
    return _matrix_of(entry_cells(), tell, processes)


def _matrix_of(cells: Sequence[Cell], tell: Tell, processes: int) -> Section:
    outcomes = []
    for number, outcome in enumerate(run_matrix(cells, processes=processes), start=1):
        outcomes.append(outcome)
        if not outcome.is_kept or number % 20 == 0:
            tell(f"{number} of {len(cells)} cells" if outcome.is_kept else outcome_line(outcome))
    broken = [
        f"{one.cell.call.service} {one.cell.call.name}: {outcome_line(one)}"
        for one in outcomes
        if not one.is_kept
    ]
    return Section(matrix_markdown(outcomes), tuple(broken))
