"""The figures say how the worker stands, and read what they say when they are asked."""

from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.figures import figures
from tests.unit.runtime.test_health import HELD, state
from worker import __version__
from worker.adapters.tally import Tally
from worker.engine.circuit import CLOSED, CircuitState
from worker.engine.in_flight import InFlightState
from worker.engine.limits import Limits
from worker.engine.pace import PaceState
from worker.errors import ThrottledError
from worker.jobs.outcomes import Done, PollAgain, RetryLater
from worker.ports.notices import HoldReason
from worker.runtime.container import ContainerState
from worker.runtime.metrics import Metrics

FREE = Limits(
    circuit=CLOSED, pace=PaceState(None, 0.0), in_flight=InFlightState(counted=None, most=None)
)


class Rig:
    def __init__(self) -> None:
        self.now = FREE
        self.container: ContainerState = state()
        self.tally = Tally()
        self.metrics = Metrics(engine=self, container=lambda: self.container, tally=self.tally)

    rules_are_broken = False

    def limits(self) -> Limits:
        return self.now

    def samples(self) -> Mapping[str, float]:
        """Each sample as `name{label=value,…}`, without our prefix."""
        text = self.metrics.render().decode()
        found = {}
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
                name = one.name.removeprefix("hautech_worker_")
                found[f"{name}{{{labels}}}" if labels else name] = one.value
        return found


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_an_idle_worker_has_no_limits_and_nothing_counted(rig: Rig) -> None:
    found = rig.samples()
    assert found[f"info{{version={__version__}}}"] == 1
    assert found["messages_in_hand"] == 2
    assert found["slots_free"] == 30
    assert found["stopping"] == 0
    assert found["receive_trouble{queue=polls}"] == 0
    assert found["last_receive_age_seconds{queue=requests}"] == 3
    assert [name for name in found if "total" in name] == []
    assert [name for name in found if name.startswith(("pace", "jobs_in_flight"))] == []
    assert sum(value for name, value in found.items() if name.startswith("circuit_open")) == 0


def test_trouble_at_hautech_is_a_sample_of_its_reason(rig: Rig) -> None:
    rig.now = Limits(
        circuit=CircuitState(reason=HoldReason.OUT_OF_FUNDS),
        pace=PaceState(2.5, 0.0),
        in_flight=InFlightState(counted=40, most=50),
    )
    rig.container = state(intake=HELD, trouble="SQS is away", last_success_age_s=None)
    found = rig.samples()
    assert found["circuit_open{reason=out_of_funds}"] == 1
    assert found["circuit_open{reason=hautech_down}"] == 0
    assert found["intake_held{reason=out_of_funds}"] == 1
    assert found["intake_held{reason=pace}"] == 0
    assert found["pace_requests_per_second"] == 2.5
    assert (found["jobs_in_flight"], found["jobs_in_flight_limit"]) == (40, 50)
    assert found["receive_trouble{queue=requests}"] == 1
    assert "last_receive_age_seconds{queue=requests}" not in found


def test_what_happened_is_counted_by_what_it_was(rig: Rig) -> None:
    tally = rig.tally
    for _ in range(3):
        tally.called("look", None)
    tally.called("run", ThrottledError("429"))
    for outcome in (Done(), PollAgain(3), RetryLater(9, "why"), RetryLater(9, "why")):
        tally.handled("polls", outcome)
    tally.job_over("succeeded", None, 30.0)
    tally.job_over("failed", "image.missing", 30.0)
    tally.refused("request.invalid")
    tally.poll_dropped("replaced")
    found = rig.samples()
    assert {name: value for name, value in found.items() if "_total" in name} == {
        "hautech_calls_total{call=look,outcome=ok}": 3,
        "hautech_calls_total{call=run,outcome=ThrottledError}": 1,
        "messages_handled_total{outcome=done,queue=polls}": 1,
        "messages_handled_total{outcome=poll_again,queue=polls}": 1,
        "messages_handled_total{outcome=retry_later,queue=polls}": 2,
        "jobs_over_total{error_code=,status=succeeded}": 1,
        "jobs_over_total{error_code=image.missing,status=failed}": 1,
        "requests_refused_total{error_code=request.invalid}": 1,
        "polls_dropped_total{why=replaced}": 1,
    }


def test_every_figure_has_our_prefix_and_says_what_it_is() -> None:
    for family in figures():
        assert family.name.startswith("hautech_worker_")
        assert family.documentation.endswith(".")
        assert family.samples


def test_a_broken_rules_file_is_told(rig: Rig) -> None:
    assert rig.samples()["rules_broken"] == 0
    rig.rules_are_broken = True
    assert rig.samples()["rules_broken"] == 1
