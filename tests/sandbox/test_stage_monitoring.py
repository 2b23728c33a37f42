"""Alarms of a stage come when asked for, stay as they were set, and go before what they watch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.deployment.account import Account
from infra.deployment.monitoring import watch
from infra.deployment.removal import remove_stage
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from sandbox.aws import RESOURCES_TEMPLATE, LocalAws, MiniStack
from sandbox.aws.ministack import EmulatorMissingError
from tests.support.aws import missing_need

STAGE = Stage("watched")
ASKED = {"LeastBalance": "100", "UseMetricMath": "false"}
TEMPLATE = RESOURCES_TEMPLATE.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class LocalSession:
    """Stands for a boto3 session: its clients go to the emulator."""

    aws: LocalAws

    def client(self, service: Any) -> Any:
        return self.aws.client(service)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    try:
        emulator = MiniStack()
    except EmulatorMissingError as missing:
        missing_need(missing)
    with emulator:
        yield emulator.aws


@pytest.fixture
def stacks(aws: LocalAws) -> Stacks:
    made = Stacks(aws.client("cloudformation"), look_every_s=0.02, say=lambda _: None)
    made.apply(STAGE.resources_stack, TEMPLATE)
    return made


def alarms(aws: LocalAws) -> dict[str, float]:
    """Thresholds by the name that an alarm has in the template."""
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    prefix = f"{STAGE.monitoring_stack}-"
    return {
        alarm["AlarmName"].removeprefix(prefix).partition("-")[0]: alarm["Threshold"]
        for alarm in found
    }


def test_nobody_who_did_not_ask_gets_alarms(aws: LocalAws, stacks: Stacks) -> None:
    assert not watch(STAGE, stacks, {})
    assert alarms(aws) == {}


def test_what_was_asked_once_is_kept_by_later_deployments(aws: LocalAws, stacks: Stacks) -> None:
    assert watch(STAGE, stacks, ASKED)
    assert alarms(aws)["BalanceLow"] == 100

    assert watch(STAGE, stacks, {"OldestRequestSeconds": "60"})
    assert watch(STAGE, stacks, {})

    assert alarms(aws)["BalanceLow"] == 100
    assert alarms(aws)["RequestsWait"] == 60


def test_alarms_go_with_the_resources_they_watch(aws: LocalAws, stacks: Stacks) -> None:
    watch(STAGE, stacks, ASKED)
    account = Account(LocalSession(aws), "000000000000", "test", aws.region)  # type: ignore[arg-type]  # the one call

    remove_stage(account, STAGE, stacks, with_resources=True)

    assert stacks.status(STAGE.monitoring_stack) is None
    assert stacks.status(STAGE.resources_stack) is None
