"""The container's metrics: again and again, and the rest at the end."""

import threading

import pytest

from tests.unit.runtime.fakes import PATIENCE_S
from worker.runtime import metric_names as names
from worker.runtime.emf import EmfWriter, Figure
from worker.runtime.emitting import Emitting


def test_figures_are_written_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    asked = threading.Semaphore(0)

    def figures() -> list[Figure]:
        asked.release()
        return [(names.JOBS_WOKEN, 1.0)]

    emitting = Emitting(figures, EmfWriter("stack"), every_s=0.001)
    emitting.start()
    for _ in range(3):
        assert asked.acquire(timeout=PATIENCE_S)
    emitting.stop()
    assert capsys.readouterr().out.count("JobsWoken") >= 3


def test_what_is_new_at_the_end_is_written_before_the_stop_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    emitting = Emitting(lambda: [(names.JOBS_WOKEN, 1.0)], EmfWriter("stack"), every_s=600)
    emitting.start()
    emitting.stop()
    assert "JobsWoken" in capsys.readouterr().out
