"""The figures that `/metrics` can have, of a worker that has done a bit of everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prometheus_client.core import Metric

from worker.adapters.tally import Tally
from worker.engine.circuit import CLOSED
from worker.engine.in_flight import InFlightState
from worker.engine.intake import Intake
from worker.engine.limits import Limits
from worker.engine.pace import PaceState
from worker.errors import ThrottledError
from worker.jobs.outcomes import Done
from worker.runtime.container import ContainerState
from worker.runtime.metrics import Metrics
from worker.runtime.receiver import ReceiverState
from worker.runtime.slots import Kind


class _Engine:
    rules_are_broken = False

    def limits(self) -> Limits:
        return Limits(
            circuit=CLOSED, pace=PaceState(2.5, 0.0), in_flight=InFlightState(counted=3, most=10)
        )


def figures() -> list[Metric]:
    """Every family, each with a sample."""
    tally = Tally()
    tally.called("run", ThrottledError())
    tally.handled("polls", Done())
    tally.job_over("failed", "image.missing", 30.0)
    tally.refused("request.invalid")
    tally.poll_dropped("over")
    receiver = ReceiverState(last_success_age_s=1.0, trouble=None, call_age_s=None, is_alive=True)
    state = ContainerState(
        is_stopping=False,
        in_hand=1,
        free_slots=31,
        oldest_in_hand_s=0.5,
        receivers=dict.fromkeys(Kind, receiver),
        intake=Intake(),
    )
    return list(Metrics(engine=_Engine(), container=lambda: state, tally=tally).collect())


def label_names(family: Any) -> Sequence[str]:
    """The labels of its samples."""
    names: dict[str, None] = {}
    for sample in family.samples:
        names |= dict.fromkeys(sample.labels)
    return list(names)
