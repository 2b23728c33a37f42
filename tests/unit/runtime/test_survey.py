"""How the service stands: each figure by itself, and none that is made up."""

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.engine.notices import BELIEVED_FOR
from worker.engine.reconcile import ReconcileReport
from worker.errors import UnavailableError
from worker.ports import CircuitNotice, HoldReason
from worker.runtime.commands.redriving import Unlimited
from worker.runtime.survey import Survey

NOTHING = ReconcileReport(woken=(), left_alone=0, unreadable=0, unwritable=0, is_complete=True)


class Hurried:
    def remaining_s(self) -> float:
        return 10.0


@pytest.fixture
def service() -> Service:
    return Service()


def figures(service: Service, balance: Callable[[], Decimal] | None = None) -> dict[str, float]:
    survey = Survey(service.record_world, service.world.board, balance)
    return {name.name: value for name, value in survey.figures(NOTHING, Unlimited())}


def test_an_idle_service_has_zeros_and_no_balance(service: Service) -> None:
    assert figures(service) == {
        "JobsWoken": 0.0,
        "JobsInFlight": 0.0,
        "OldestPipelineAgeSeconds": 0.0,
        "CircuitOpen": 0.0,
    }


def test_the_oldest_pipeline_counts_from_its_submission(service: Service) -> None:
    service.world.hautech.duration_s = 3_000
    service.send(body(requestId="first"))
    service.run_for(deliveries=1)
    service.world.clock.advance(100)
    service.send(body(requestId="second"))
    service.run_for(deliveries=2)
    service.world.clock.advance(100)
    found = figures(service)
    assert found["JobsInFlight"] == 2
    assert found["OldestPipelineAgeSeconds"] == pytest.approx(200, abs=20)


def test_the_circuit_is_as_the_workers_told_it_unless_that_is_long_ago(service: Service) -> None:
    now = service.world.clock.now()
    service.world.board.post(
        CircuitNotice(told_at=now, reason=HoldReason.OUT_OF_FUNDS, next_try_at=now)
    )
    assert figures(service)["CircuitOpen"] == 1
    service.world.clock.advance((BELIEVED_FOR + timedelta(minutes=1)).total_seconds())
    assert figures(service)["CircuitOpen"] == 0


def test_the_balance_is_told_and_counts_as_a_call(service: Service) -> None:
    found = figures(service, lambda: Decimal("12.5"))
    assert found["HautechBalance"] == 12.5
    assert found["HautechCalls"] == 1
    assert "HautechErrors" not in found


def test_a_balance_that_may_not_be_read_costs_no_other_figure_and_leaks_nothing(
    service: Service,
) -> None:
    def refused() -> Decimal:
        raise RuntimeError("403 for https://api.hautech.ai/x?token=canary-secret")

    with all_logs() as logs:
        found = figures(service, refused)
    assert found["HautechErrors"] == 1
    assert "HautechBalance" not in found
    assert found["OldestPipelineAgeSeconds"] == 0
    assert [entry["action"] for entry in logs] == ["figure_unknown"]
    assert "canary-secret" not in json.dumps(logs, default=str)


def test_nobody_is_asked_for_the_balance_without_time(service: Service) -> None:
    def never() -> Decimal:
        raise AssertionError("asked")

    survey = Survey(service.record_world, service.world.board, never)
    found = {name.name for name, _ in survey.figures(NOTHING, Hurried())}
    assert "HautechCalls" not in found


def test_a_store_that_fails_leaves_the_other_figures(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise UnavailableError("no")

    monkeypatch.setattr(service.world.board, "read", fails)
    assert "CircuitOpen" not in figures(service)
    assert "JobsInFlight" in figures(service)
