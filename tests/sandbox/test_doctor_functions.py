"""`doctor --deployed` on functions and alarms that an emulator runs, and on what people do to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws import RESOURCES_TEMPLATE, LocalAws, MiniStack, create_stack
from sandbox.aws.ministack import EmulatorMissingError
from tests.sandbox.functions_template import functions_template
from tests.support.aws import missing_need
from tests.support.templates import INFRA
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.examining import examine_deployment
from worker.runtime.commands.findings import Finding

RESOURCES, FUNCTIONS, MONITORING = (
    f"hautech-worker-{kind}looked-at" for kind in ("resources-", "", "monitoring-")
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """Resources, functions and alarms."""
    template: Path = tmp_path_factory.mktemp("functions") / "functions.json"
    template.write_text(json.dumps(functions_template()), encoding="utf-8")
    try:
        emulator = MiniStack()
    except EmulatorMissingError as missing:
        missing_need(missing)
    with emulator:
        local = emulator.aws
        secret = local.client("secretsmanager").create_secret(
            Name="looked-at", SecretString=json.dumps({"HAUTECH_API_TOKEN": "a-token"})
        )
        on_it = {"ResourcesStackName": RESOURCES}
        create_stack(local, RESOURCES, template=RESOURCES_TEMPLATE)
        own = {**on_it, "FunctionPrefix": FUNCTIONS, "HautechSecretArn": secret["ARN"]}
        create_stack(local, FUNCTIONS, template=template, parameters=own)
        monitoring = {**on_it, "UseMetricMath": "false"}
        create_stack(local, MONITORING, template=INFRA / "monitoring.yml", parameters=monitoring)
        yield local


def look(aws: LocalAws) -> list[Finding]:
    asked = Aws(aws.client, aws.region)  # type: ignore[arg-type]  # takes any name of a service

    def check() -> Iterator[Finding]:
        yield from examine_deployment(asked, FUNCTIONS)

    return list(check())


def failed(aws: LocalAws) -> dict[tuple[str, str], str]:
    return {(one.area, one.name): one.said for one in look(aws) if one.level == "failed"}


def test_nothing_fails_on_what_has_just_been_deployed(aws: LocalAws) -> None:
    findings = look(aws)

    assert [one for one in findings if one.level == "failed"] == []
    assert {one.area for one in findings if one.level == "ok"} == {
        "Stacks",
        "Functions",
        "What starts them",
        "Secret",
        "Alarms",
    }
    warned = {one.area: one.said for one in findings if one.level == "warning"}
    assert "worker/package.json" in warned["Code"]
    assert "kept for ever" in warned["Logs"]


def test_what_people_switched_off_is_found(aws: LocalAws) -> None:
    functions, events = aws.client("lambda"), aws.client("events")
    name = f"{FUNCTIONS}-polls"
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    for rule in events.list_rules()["Rules"]:
        events.disable_rule(Name=rule["Name"])
    (alarm, *_) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    aws.client("cloudwatch").set_alarm_state(
        AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="too many"
    )

    found = failed(aws)

    assert "no message is taken" in found["What starts them", "polls"]
    assert "is off" in found["What starts them", "reconcile"]
    assert "switched off" in found["Functions", "polls"]
    assert found["Alarms", alarm["AlarmName"]] == "it rings: too many"
