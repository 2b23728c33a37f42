"""Which stacks belong to a deployment, how they stand, and what they should tell."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from tests.support.templates import read_template
from tests.unit.deployed.conftest import Look
from tests.unit.deployed.world import CONTAINER, FUNCTIONS, MONITORING, RESOURCES, World
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.check_stacks import OUTPUTS
from worker.runtime.commands.deployed.stacks import TEMPLATES, Kind, Stack, physical_ids
from worker.runtime.commands.deployed.variables import FROM_OUTPUTS
from worker.runtime.commands.findings import Finding
from worker.settings import SETTINGS

Wrong = Callable[..., Finding]


def stacks_in(findings: list[Finding]) -> set[str]:
    return {one.name for one in findings if one.area == "Stacks"}


def test_nothing_is_wrong_with_a_deployment_in_which_all_is_well(look: Look) -> None:
    findings = look()

    assert [one for one in findings if one.level != "ok"] == []
    areas = list(dict.fromkeys(one.area for one in findings))
    assert areas == [
        "Stacks",
        "Functions",
        "What starts them",
        "Code",
        "Keys",
        "Logs",
        "Service",
        "Secret",
        "Alarms",
    ]


@pytest.mark.parametrize(
    ("name", "belong"),
    [
        (RESOURCES, {RESOURCES, FUNCTIONS, CONTAINER, MONITORING}),
        (MONITORING, {RESOURCES, FUNCTIONS, CONTAINER, MONITORING}),
        (FUNCTIONS, {RESOURCES, FUNCTIONS, MONITORING}),
        (CONTAINER, {RESOURCES, CONTAINER, MONITORING}),
    ],
)
def test_a_stack_leads_to_what_belongs_to_it(look: Look, name: str, belong: set[str]) -> None:
    assert stacks_in(look(name)) == belong


def test_stacks_of_other_names_are_found_by_what_they_import(look: Look, world: World) -> None:
    world.stacks["alarms"] = world.stacks.pop(MONITORING)
    world.made["alarms"] = world.made.pop(MONITORING)
    assert "alarms" not in stacks_in(look())

    world.imports[f"{RESOURCES}-RequestQueueName"] = ["alarms"]

    assert "alarms" in stacks_in(look())


def test_a_stack_on_other_resources_does_not_belong(look: Look, world: World) -> None:
    world.stacks[MONITORING]["Parameters"][0]["ParameterValue"] = "other-resources"

    assert MONITORING not in stacks_in(look())


def test_no_such_stack_ends_it_with_where_was_looked(wrong: Wrong) -> None:
    found = wrong("gone")

    assert (found.level, found.said) == ("failed", "there is no such stack in eu-west-1")
    assert "AWS_REGION" in found.fix


def test_a_stack_of_something_else_ends_it(wrong: Wrong, world: World) -> None:
    world.stacks[FUNCTIONS]["Parameters"] = []

    assert "no template of the worker" in wrong(FUNCTIONS).said


def test_a_stack_whose_resources_are_gone_ends_it(wrong: Wrong, world: World) -> None:
    del world.stacks[RESOURCES]

    assert f"{RESOURCES}, which is not there" in wrong(CONTAINER).said


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        ("UPDATE_IN_PROGRESS", "warning", "being changed"),
        ("UPDATE_ROLLBACK_COMPLETE", "warning", "the last update failed"),
        ("UPDATE_ROLLBACK_FAILED", "failed", "continue-update-rollback"),
        ("ROLLBACK_COMPLETE", "failed", "delete it"),
        ("DELETE_FAILED", "failed", "delete it"),
    ],
)
def test_a_stack_that_is_not_complete_is_told(
    wrong: Wrong, world: World, status: str, level: str, words: str
) -> None:
    world.stacks[RESOURCES] |= {"StackStatus": status, "StackStatusReason": "because"}

    found = wrong()

    assert found.level == level
    assert status in found.said
    assert words in f"{found.said} {found.fix}"


def test_missing_outputs_are_named(wrong: Wrong, world: World) -> None:
    world.stacks[CONTAINER]["Outputs"] = [
        one for one in world.stacks[CONTAINER]["Outputs"] if one["OutputKey"] != "TaskRoleArn"
    ]

    assert wrong().said == "it has no output TaskRoleArn"


def test_resources_on_which_nothing_works_are_told(look: Look, world: World) -> None:
    for name in (FUNCTIONS, CONTAINER):
        del world.stacks[name]

    (found,) = (one for one in look() if one.level != "ok")

    assert "nothing works on the requests" in found.said


def test_a_deployment_without_alarms_is_told(wrong: Wrong, world: World) -> None:
    del world.stacks[MONITORING]

    assert "no alarms" in wrong().said


def test_the_way_to_alarms_is_that_of_what_runs_and_of_its_stage(look: Look, world: World) -> None:
    del world.stacks[MONITORING]

    def fix() -> str:
        (found,) = (one.fix for one in look() if one.name == "monitoring")
        return found

    assert fix() == '`make deploy STAGE=dev MONITORING_PARAMS="AlarmEmail=…"`'
    del world.stacks[FUNCTIONS]
    assert fix() == ('`make deploy-container STAGE=dev IMAGE=… MONITORING_PARAMS="AlarmEmail=…"`')


def test_both_ways_to_work_name_the_stage(look: Look, world: World) -> None:
    for name in (FUNCTIONS, CONTAINER):
        del world.stacks[name]

    (fix,) = (one.fix for one in look() if one.name == "workers")
    assert "`make deploy STAGE=dev` or `make deploy-container STAGE=dev`" in fix


def test_a_resource_without_a_type_is_passed_over() -> None:
    resources = [
        {"PhysicalResourceId": "x"},
        {"PhysicalResourceId": "rule", "ResourceType": "AWS::Events::Rule"},
    ]
    aws = cast("Aws", SimpleNamespace(ask=lambda *_, **__: {"StackResources": resources}))
    stack = cast("Stack", SimpleNamespace(name="x"))

    assert physical_ids(aws, stack, "AWS::Events::Rule") == ["rule"]


@pytest.mark.parametrize("kind", Kind)
def test_the_outputs_are_those_of_the_template(kind: Kind) -> None:
    path = "infra/lambda.yml" if kind is Kind.FUNCTIONS else TEMPLATES[kind]
    template = read_template(path.removeprefix("infra/"))

    assert set(OUTPUTS[kind]) == set(template["Outputs"])


def test_the_variables_come_from_the_outputs_that_the_settings_name() -> None:
    named = {spec.name: spec.source.split()[2] for spec in SETTINGS if "output" in spec.source}

    assert named == FROM_OUTPUTS
