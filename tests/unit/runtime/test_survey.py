"""How the service stands: each figure by itself, and none that is made up."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.batches import matrix_body
from tests.scenarios.harness import Service
from tests.support.logs import all_logs
from worker.engine.notices import BELIEVED_FOR
from worker.engine.reconcile import ReconcileReport
from worker.errors import UnavailableError
from worker.ports.clock import WorkBudget
from worker.ports.notices import CircuitNotice, HoldReason
from worker.ports.rules import BrokenRules
from worker.runtime.commands.redriving import Unlimited
from worker.runtime.emf import Figure
from worker.runtime.survey import Survey, survey_of
from worker.settings import load_settings

BATCHES = {"BatchesOpen", "OldestBatchSilenceSeconds"}
NOTHING = ReconcileReport(woken=(), left_alone=0, unreadable=0, unwritable=0, is_complete=True)


class Hurried:
    """So much time is left, whenever somebody asks."""

    def __init__(self, left_s: float = 10.0) -> None:
        self.left_s = left_s

    def remaining_s(self) -> float:
        return self.left_s


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def hanging() -> Iterator[Callable[..., Any]]:
    """A call that is not answered while the test runs."""
    is_over = threading.Event()

    def hang(*_args: object, **_more: object) -> Any:
        is_over.wait(60)
        raise UnavailableError("the test is over")

    yield hang
    is_over.set()


class Writer:
    """Keeps what is written, and when: `lines` has the names of each write."""

    def __init__(self) -> None:
        self.lines: list[set[str]] = []
        self.figures: dict[str, float] = {}

    def write(self, figures: Iterable[Figure]) -> None:
        found = {name.name: value for name, value in figures}
        self.figures |= found
        self.lines.append(set(found))


def figures(
    service: Service,
    balance: Callable[[], Decimal] | None = None,
    budget: WorkBudget | None = None,
) -> dict[str, float]:
    writer = Writer()
    survey = Survey(service.record_world, service.world.board, balance)
    assert survey.around(lambda _: NOTHING, budget or Unlimited(), writer.write) is NOTHING
    return writer.figures


def test_an_idle_service_has_zeros_and_no_balance(service: Service) -> None:
    assert figures(service) == {
        "JobsWoken": 0.0,
        "JobsInFlight": 0.0,
        "OldestPipelineAgeSeconds": 0.0,
        "BatchesOpen": 0.0,
        "OldestBatchSilenceSeconds": 0.0,
        "CircuitOpen": 0.0,
    }


def test_a_batch_that_is_stuck_is_seen_until_it_is_over(service: Service) -> None:
    service.send(matrix_body(2))
    service.send(matrix_body(2, batchId="autumn-24"))
    service.step(service.world.requests)
    service.step(service.world.requests)
    service.world.polls.purge()
    service.world.clock.advance(7_200)
    found = figures(service)
    assert found["BatchesOpen"] == 2
    assert found["OldestBatchSilenceSeconds"] == pytest.approx(7_200, abs=20)
    service.reconcile()
    service.run()
    found = figures(service)
    assert (found["BatchesOpen"], found["OldestBatchSilenceSeconds"]) == (0, 0)


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


def test_broken_rules_are_told_by_a_service_that_has_rules(service: Service) -> None:
    def told(answer: bool) -> dict[str, float]:
        writer = Writer()
        survey = Survey(service.record_world, service.world.board, None, lambda: answer)
        survey.around(lambda _: NOTHING, Unlimited(), writer.write)
        return writer.figures

    assert told(True)["RulesBroken"] == 1
    assert told(False)["RulesBroken"] == 0
    assert "RulesBroken" not in figures(service)


def test_the_rules_of_another_file_are_not_the_ones_that_are_broken(service: Service) -> None:
    now = service.world.clock.now()
    broken = BrokenRules(
        source="s3://catalog/rules.yaml", etag="x", version_id=None, since=now, problems=()
    )

    class Parts:
        """What a survey is made of; the shelf says that `broken` is."""

        record_world = service.record_world
        board = service.world.board
        shelf = service.world.shelf

        def __init__(self, place: str) -> None:
            self.settings = load_settings({"WORKER_DROP_RULES": place}, needs=())

    def told(place: str) -> dict[str, float]:
        writer = Writer()
        survey = survey_of(Parts(place))  # type: ignore[arg-type]  # -- all that it takes of them
        survey.around(lambda _: NOTHING, Unlimited(), writer.write)
        return writer.figures

    service.world.shelf.tell(broken)
    assert told("s3://catalog/rules.yaml")["RulesBroken"] == 1
    assert told("s3://catalog/others.yaml")["RulesBroken"] == 0
    assert "RulesBroken" not in told("")
    service.world.shelf.tell(None)
    assert told("s3://catalog/rules.yaml")["RulesBroken"] == 0


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

    assert "HautechCalls" not in figures(service, never, Hurried())


@pytest.mark.parametrize(
    ("port", "call", "figure"),
    [
        ("store", "unchanged_since", "OldestPipelineAgeSeconds"),
        ("batches", "unchanged_since", "BatchesOpen"),
        ("queue", "jobs_in_flight", "JobsInFlight"),
        ("board", "read", "CircuitOpen"),
    ],
)
def test_a_question_that_hangs_takes_its_share_of_the_time_and_costs_one_figure(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    hanging: Callable[..., Any],
    port: str,
    call: str,
    figure: str,
) -> None:
    monkeypatch.setattr(getattr(service.world, port), call, hanging)
    with all_logs() as logs:
        found = figures(service, budget=Hurried(0.4))
    everything = {"JobsWoken", "JobsInFlight", "OldestPipelineAgeSeconds", "CircuitOpen", *BATCHES}
    assert set(found) == everything - ({figure} if figure not in BATCHES else BATCHES)
    assert [entry["action"] for entry in logs] == ["figure_unknown"]
    assert "no answer within" in logs[0]["event"]


def test_a_balance_that_hangs_is_a_call_that_failed(
    service: Service, hanging: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.runtime.survey._ANSWER_MOST_S", 0.1)
    found = figures(service, hanging)
    assert (found["HautechCalls"], found["HautechErrors"]) == (1, 1)


def test_the_oldest_pipeline_is_told_before_reconcile_begins_and_the_rest_though_it_fails(
    service: Service,
) -> None:
    writer = Writer()

    def fails(_: WorkBudget) -> ReconcileReport:
        assert writer.lines == [{"OldestPipelineAgeSeconds"}]
        raise UnavailableError("SQS is away")

    survey = Survey(service.record_world, service.world.board, None)
    with pytest.raises(UnavailableError, match="SQS is away"):
        survey.around(fails, Unlimited(), writer.write)
    assert writer.lines[1:] == [{"JobsInFlight"}, BATCHES, {"CircuitOpen"}]


def test_nobody_is_asked_when_no_time_is_left(service: Service) -> None:
    with all_logs() as logs:
        assert set(figures(service, budget=Hurried(0.0))) == {"JobsWoken"}
    assert [entry["figure"] for entry in logs] == [
        "the oldest pipeline",
        "jobs in flight",
        "open batches",
        "the circuit",
    ]


def test_a_store_that_fails_leaves_the_other_figures(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: object) -> None:
        raise UnavailableError("no")

    monkeypatch.setattr(service.world.board, "read", fails)
    assert "CircuitOpen" not in figures(service)
    assert "JobsInFlight" in figures(service)
