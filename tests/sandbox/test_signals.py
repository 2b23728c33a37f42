"""What signals do to a real worker process, alone, together and one after the other."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable

import pytest

from sandbox.local import LocalStack


@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGTERM,),
        (signal.SIGHUP,),
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGINT, signal.SIGTERM),
    ],
    ids=lambda signals: "+".join(one.name for one in signals),
)
def test_a_worker_stops_cleanly_whatever_signals_come(
    local_stack: Callable[..., LocalStack], signals: tuple[signal.Signals, ...]
) -> None:
    stack = local_stack(workers=1)
    stack.wait_until_receiving()
    (worker,) = stack.workers
    for one in signals:
        worker.kill(one)
    assert worker.wait(25) == 0


def test_a_signal_that_is_not_for_stopping_does_not_stop_it(
    local_stack: Callable[..., LocalStack],
) -> None:
    stack = local_stack(workers=1)
    stack.wait_until_receiving()
    (worker,) = stack.workers
    worker.kill(signal.SIGWINCH)
    worker.kill(signal.SIGTERM)
    assert worker.wait(25) == 0
    assert "SIGWINCH" not in worker.log_text


def test_a_worker_that_is_asked_for_metrics_writes_the_last_ones_when_it_stops(
    local_stack: Callable[..., LocalStack],
) -> None:
    environment = {"WORKER_METRICS": "emf", "POWERTOOLS_SERVICE_NAME": "stack"}
    stack = local_stack(workers=1, worker_env=environment)
    stack.wait_until_receiving()
    (worker,) = stack.workers
    worker.kill(signal.SIGTERM)
    assert worker.wait(25) == 0
    (line,) = (json.loads(one) for one in worker.log_text.splitlines() if '"_aws"' in one)
    assert line["CircuitOpen"] == [0.0]
    assert line["service"] == "stack"
