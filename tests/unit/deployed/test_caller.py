"""What the person who looks may not see is told once each, and hides nothing else."""

from __future__ import annotations

import pytest

from tests.unit.deployed.conftest import Look
from tests.unit.deployed.world import RESOURCES, VARIABLES, World
from worker.runtime.commands.deployed.examining import settings_for

ACTIONS = sorted({*World().answers()} - {"cloudformation:DescribeStacks"})
PERMISSIONS = {"s3:GetBucketEncryption": "s3:GetEncryptionConfiguration"}
"""Of calls that have another name than their permission."""


@pytest.mark.parametrize("action", ACTIONS)
def test_each_missing_permission_is_named_and_hides_no_other_finding(
    look: Look, world: World, action: str
) -> None:
    before = {one.area for one in look()}
    world.refuses.add(action)

    findings = look()

    wrong = [one for one in findings if one.level != "ok"]
    assert {one.level for one in wrong} <= {"warning", "skipped"}
    if action == "cloudformation:ListImports":  # the usual names do
        assert wrong == []
    else:
        permission = PERMISSIONS.get(action, action)
        assert {permission in one.said for one in wrong if one.level == "warning"} == {True}
        assert all(one.fix.endswith("to yourself, to have it checked") for one in wrong if one.fix)
    assert {one.area for one in findings} >= before - {"What starts them", "Code"}


def test_nothing_can_be_looked_at_without_the_stacks(look: Look, world: World) -> None:
    world.refuses.add("cloudformation:DescribeStacks")

    (found,) = look()

    assert found.level == "failed"
    assert found.said == (
        f"not looked at: you lack cloudformation:DescribeStacks on stack {RESOURCES}"
    )


def test_settings_of_what_runs_leave_out_those_of_the_caller() -> None:
    own = {"HAUTECH_API_TOKEN": "mine", "WORKER_JOB_TABLE": "mine", "PATH": "/bin"}

    assert settings_for(VARIABLES, own) == VARIABLES
    assert settings_for({"WORKER_JOB_TABLE": "jobs"}, own) == {
        "WORKER_JOB_TABLE": "jobs",
        "HAUTECH_API_TOKEN": "mine",
    }
