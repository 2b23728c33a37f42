"""The thread that reconciles: again and again, whatever happens, until the stop."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.logs import all_logs
from worker.errors import UnavailableError
from worker.ports.clock import WorkBudget
from worker.runtime.reconciling import Reconciling

PATIENCE_S = 10.0


@pytest.fixture
def start() -> Iterator[Callable[..., Reconciling]]:
    started: list[Reconciling] = []

    def begin(reconcile: Callable[[WorkBudget], object], every_s: float = 0.0) -> Reconciling:
        reconciling = Reconciling(reconcile, every_s=every_s)
        started.append(reconciling)
        reconciling.start()
        return reconciling

    yield begin
    for one in started:
        one.begin_stop()
        assert one.wait_until_ended(PATIENCE_S)


def test_it_reconciles_again_and_again_with_endless_time(start) -> None:
    thrice = threading.Semaphore(0)
    left_s: list[float] = []

    def reconcile(budget: WorkBudget) -> None:
        left_s.append(budget.remaining_s())
        thrice.release()

    start(reconcile)
    for _ in range(3):
        assert thrice.acquire(timeout=PATIENCE_S)
    assert left_s[:3] == [math.inf] * 3


@pytest.mark.parametrize(
    ("error", "level"), [(UnavailableError("503"), "warning"), (KeyError("bug"), "error")]
)
def test_an_error_ends_the_run_and_not_the_thread(start, error: Exception, level: str) -> None:
    again = threading.Event()
    errors = iter([error])

    def reconcile(_: WorkBudget) -> None:
        for one in errors:
            raise one
        again.set()

    with all_logs() as lines:
        start(reconcile)
        assert again.wait(PATIENCE_S)
    assert [(one["action"], one["log_level"]) for one in lines] == [("reconcile_failed", level)]


def test_a_stop_tells_the_run_under_way_that_its_time_is_up(start) -> None:
    begun, seen = threading.Event(), threading.Event()

    def reconcile(budget: WorkBudget) -> None:
        begun.set()
        while budget.remaining_s() > 0:
            threading.Event().wait(0.001)
        seen.set()

    reconciling = start(reconcile)
    assert begun.wait(PATIENCE_S)
    reconciling.begin_stop()
    assert seen.wait(PATIENCE_S)


def test_a_stop_before_the_first_run_ends_the_wait_for_it(start) -> None:
    reconciling = start(lambda _: pytest.fail("ran"), every_s=3_600)
    reconciling.begin_stop()
    assert reconciling.wait_until_ended(PATIENCE_S)
