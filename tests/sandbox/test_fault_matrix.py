"""A part of the fault matrix, so that it does not rot: one fault for every call, another for each;
of drops, batches and the asset cache one call for each flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

import pytest

from sandbox.aws.processes import EmulatorError
from tests.faults.catalogue import CALLS, ENTRY_CALLS, Call, Fault
from tests.faults.matrix import Runner
from tests.faults.plan import Cell, all_cells, entry_cells
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


def sample(calls: Sequence[Call], cells: Sequence[Cell]) -> Iterator[Cell]:
    """For each row the next column that can occur, so that all columns have their turn."""
    column = cycle(range(len(Fault)))
    for call in calls:
        row = [one for one in cells if one.call == call]
        yield next(row[number] for number in column if row[number].variants)


ENTRIES = tuple({call.flow: call for call in ENTRY_CALLS}.values())
"""One call of each flow."""


@pytest.mark.parametrize(
    "cell",
    [*sample(CALLS, all_cells()), *sample(ENTRIES, entry_cells())],
    ids=lambda cell: f"{cell.call.service} {cell.call.name} × {cell.fault}",
)
def test_a_fault_at_this_call_breaks_no_promise(runner: Runner, cell: Cell) -> None:
    # The strongest form comes last; the others are in `make faults`.
    verdict = runner.run_variant(cell, cell.variants[-1])
    assert not verdict.broken, verdict.words
