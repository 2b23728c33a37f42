"""A part of the fault matrix, so that it does not rot: one fault for every call, another for each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import pytest

from sandbox.aws.processes import EmulatorError
from tests.faults.catalogue import CALLS
from tests.faults.matrix import Runner
from tests.faults.plan import Cell, all_cells
from tests.faults.rig import Rig
from tests.support.aws import missing_need


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    rig = Rig()
    try:
        rig.__enter__()
    except EmulatorError as error:
        missing_need(error)
    yield Runner(rig)
    rig.__exit__()


def sample() -> Iterator[Cell]:
    """For each row the next column that can occur, so that all columns have their turn."""
    cells = {call: [one for one in all_cells() if one.call == call] for call in CALLS}
    column = cycle(range(len(cells[CALLS[0]])))
    for row in cells.values():
        yield next(row[number] for number in column if row[number].variants)


@pytest.mark.parametrize(
    "cell", tuple(sample()), ids=lambda cell: f"{cell.call.service} {cell.call.name} × {cell.fault}"
)
def test_a_fault_at_this_call_breaks_no_promise(runner: Runner, cell: Cell) -> None:
    # The strongest form comes last; the others are in `make faults`.
    verdict = runner.run_variant(cell, cell.variants[-1])
    assert not verdict.broken, verdict.words
