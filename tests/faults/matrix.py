"""Runs cells, some at a time, each with a limit, and gathers what came of them."""

from __future__ import annotations

import functools
import multiprocessing
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any, Final

from tests.faults.catalogue import CALLS, ENTRY_CALLS, Call, Fault, Flow
from tests.faults.experiment import Experiment
from tests.faults.findings import Findings
from tests.faults.plan import Cell, Variant
from tests.faults.rig import Rig
from tests.faults.verdict import Symbol, Verdict, judge

CELL_LIMIT_S: Final = 100
"""For one variant; most take about a second."""

PROCESSES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a cell: a verdict for each of its variants, in order."""

    cell: Cell
    verdicts: tuple[tuple[str, Verdict], ...]

    @property
    def symbols(self) -> str:
        """One character for each variant; a dash for a cell that cannot occur."""
        return "".join(verdict.symbol for _, verdict in self.verdicts) or "–"

    @property
    def is_kept(self) -> bool:
        """Whether all promises were kept."""
        return not any(verdict.broken for _, verdict in self.verdicts)


class Runner:
    """Runs cells on one rig."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._calm: dict[Flow, Findings] = {}

    def run(self, cell: Cell) -> Outcome:
        """Every variant of the cell; what breaks is a verdict, too."""
        verdicts = [(variant.name, self.run_variant(cell, variant)) for variant in cell.variants]
        return Outcome(cell=cell, verdicts=tuple(verdicts))

    def run_variant(self, cell: Cell, variant: Variant) -> Verdict:
        """One variant of the cell."""
        calm = self._calm_findings(cell.call)
        try:
            with _limit(CELL_LIMIT_S):
                found = Experiment(self._rig, cell.call, variant).run()
        except Exception as error:  # noqa: BLE001 - one broken cell must not hide the others
            why = f"{type(error).__name__}: {error}"
            return Verdict(symbol=Symbol.BROKEN, words=why, broken=(why,))
        return judge(cell.call, variant, found, calm)

    def _calm_findings(self, call: Call) -> Findings:
        if call.flow not in self._calm:
            with _limit(CELL_LIMIT_S):
                self._calm[call.flow] = Experiment(self._rig, call, None).run()
        return self._calm[call.flow]


def run_matrix(cells: Iterable[Cell], *, processes: int = PROCESSES) -> Iterator[Outcome]:
    """The outcome of each cell, as they come."""
    cells = tuple(cells)
    yield from (Outcome(cell=cell, verdicts=()) for cell in cells if cell.reason)
    # Not by fork: a rig has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        tasks = [pool.submit(_run_here, cell) for cell in cells if not cell.reason]
        for task in as_completed(tasks):
            yield task.result()


def sorted_outcomes(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """By row, then by column."""
    rows, columns = [*CALLS, *ENTRY_CALLS], list(Fault)
    return sorted(
        outcomes, key=lambda one: (rows.index(one.cell.call), columns.index(one.cell.fault))
    )


def _run_here(cell: Cell) -> Outcome:
    return _runner().run(cell)


@functools.cache
def _runner() -> Runner:
    """This process's own, stopped when the process ends."""
    rig = Rig()
    rig.__enter__()
    Finalize(rig, rig.__exit__, args=(None, None, None), exitpriority=10)
    return Runner(rig)


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TimeoutError(f"not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
