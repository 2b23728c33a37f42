"""The Lambda functions are made once, of the parts they use, and say all that is wrong at once."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.unit.test_bootstrap import GOOD
from worker.adapters.aws.notices import DynamoNoticeBoard
from worker.bootstrap import Application
from worker.engine.engine import Engine
from worker.engine.rules import EngineRules
from worker.errors import SettingsError
from worker.ports.observer import Observer
from worker.runtime import aws_lambda
from worker.runtime.aws_lambda import Functions
from worker.runtime.lambda_event import NotABatchError
from worker.runtime.lambda_queue import SHORTEST_S

MADE_BY_BATCHES = {"dynamodb", "s3", "sns", "sqs"}
_PROBE = """
import json, sys
from botocore.session import Session
made, create = [], Session.create_client
Session.create_client = lambda self, name, **more: made.append(name) or create(self, name, **more)
import worker.runtime.aws_lambda as functions
print(json.dumps({"made": sorted(made), "functions": sorted(vars(functions._functions))}))
"""


class FunctionContext:
    """Lambda's context object, as far as the handlers use it."""

    def __init__(self, left_s: float = 60.0) -> None:
        self.left_s = left_s

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)


@pytest.fixture(autouse=True)
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(DynamoNoticeBoard, "read", lambda _self: None)


def imported_as(handler: str | None, **changes: str) -> dict[str, Any]:
    """What an environment makes when Lambda imports the module for that handler."""
    environ = {**GOOD, **changes, "AWS_REGION": "eu-west-1"}
    if handler is not None:
        environ["_HANDLER"] = handler
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"failed": done.stderr}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", ["requests", "polls"])
def test_the_init_makes_the_clients_of_its_function_and_no_other(name: str) -> None:
    found = imported_as(f"worker.runtime.aws_lambda.handle_{name}")
    assert set(found["made"]) == MADE_BY_BATCHES
    assert len(found["made"]) == len(MADE_BY_BATCHES), "a client was made twice"
    assert name in found["functions"]


def test_the_init_of_reconcile_makes_clients_of_the_table_and_the_queue_only() -> None:
    found = imported_as("worker.runtime.aws_lambda.handle_reconcile")
    assert found["made"] == ["dynamodb", "sqs"]


@pytest.mark.parametrize("handler", [None, "", "app.handler", "worker.runtime.aws_lambda.nothing"])
def test_an_import_by_anything_else_makes_nothing(handler: str | None) -> None:
    found = imported_as(handler)
    assert found["made"] == []
    assert found["functions"] == ["_environ"]


def test_settings_that_cannot_work_end_the_init_with_all_that_is_wrong_and_no_secret() -> None:
    found = imported_as(
        "worker.runtime.aws_lambda.handle_requests",
        WORKER_JOB_TABLE="",
        WORKER_CONCURRENCY="many",
        WORKER_OUTPUT_BUCKETS="s3://pictures/",
    )
    assert "SettingsError: 3 setting(s) need attention" in found["failed"]
    for name in ("WORKER_JOB_TABLE", "WORKER_CONCURRENCY", "WORKER_OUTPUT_BUCKETS"):
        assert name in found["failed"]
    assert GOOD["HAUTECH_API_TOKEN"] not in found["failed"]


def test_settings_that_cannot_work_fail_every_call_not_only_the_first() -> None:
    functions = Functions({**GOOD, "WORKER_JOB_TABLE": ""})
    for _ in range(2):
        with pytest.raises(SettingsError, match="WORKER_JOB_TABLE"):
            _ = functions.requests


def test_polls_and_reconcile_do_without_what_they_do_not_use() -> None:
    without = {name: value for name, value in GOOD.items() if name != "WORKER_REQUEST_QUEUE_URL"}
    _ = Functions(without).polls
    with pytest.raises(SettingsError, match="WORKER_REQUEST_QUEUE_URL"):
        _ = Functions(without).requests
    record_only = {
        name: GOOD[name]
        for name in (
            "WORKER_POLL_QUEUE_URL",
            "WORKER_DEAD_LETTER_QUEUE_URL",
            "WORKER_JOB_TABLE",
        )
    }
    _ = Functions(record_only).reconcile


def test_a_timeout_too_short_for_the_paid_call_fails_the_call_and_says_what_to_set() -> None:
    functions = Functions(GOOD)
    with pytest.raises(SettingsError, match=f"timeout of the function.*at least {SHORTEST_S} s"):
        functions.requests.handle({"Records": []}, FunctionContext(SHORTEST_S - 1))
    assert functions.requests.handle({"Records": []}, FunctionContext(SHORTEST_S)) == {
        "batchItemFailures": []
    }


@pytest.fixture
def leases(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the leases are of each engine that is made, in seconds."""
    found: list[float] = []
    make = Application.new_engine

    def new_engine(self: Application, rules: EngineRules, observer: Observer) -> Engine:
        found.append(rules.lease_s)
        return make(self, rules, observer)

    monkeypatch.setattr(Application, "new_engine", new_engine)
    return found


def test_a_lease_lasts_as_long_as_a_call_can(leases: list[float]) -> None:
    functions = Functions({**GOOD, "WORKER_VISIBILITY_SECONDS": "600"})
    for left_s in (119.95, 118.0):
        functions.polls.handle({"Records": []}, FunctionContext(left_s))
    assert leases == [120], "one engine for all calls"


def test_a_first_call_that_began_late_makes_no_later_call_outlive_its_leases(
    leases: list[float],
) -> None:
    functions = Functions(GOOD)
    for left_s in (28.0, 59.9, 59.8):
        functions.polls.handle({"Records": []}, FunctionContext(left_s))
    assert leases == [28, 60]


def test_what_is_no_batch_fails_the_call() -> None:
    for function in (Functions(GOOD).requests, Functions(GOOD).polls):
        with pytest.raises(NotABatchError):
            function.handle({"Records": [{"body": "{}"}]}, FunctionContext())


def test_the_entry_points_are_where_deployments_look_for_them() -> None:
    for name in ("handle_requests", "handle_polls", "handle_reconcile"):
        assert callable(getattr(aws_lambda, name))
