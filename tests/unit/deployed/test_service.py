"""What the doctor sees of the ECS service, of logs and of alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.deployed.conftest import Look
from tests.unit.deployed.world import ALARMS, CONTAINER, IMAGE, TASK, World
from worker.runtime.commands.findings import Finding

Wrong = Callable[..., Finding]


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"status": "DRAINING"}, "failed", "DRAINING"),
        (
            {"runningCount": 1, "events": [{"message": "unable to pull the image"}]},
            "failed",
            "1 of 2 tasks run; unable to pull the image",
        ),
        ({"runningCount": 0, "desiredCount": 0}, "failed", "set the number to 0"),
        (
            {
                "deployments": [
                    {"status": "PRIMARY", "rolloutState": "FAILED", "rolloutStateReason": "why"}
                ]
            },
            "failed",
            "the last deployment failed: why",
        ),
        (
            {"deployments": [{"status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]},
            "warning",
            "under way",
        ),
    ],
)
def test_a_service_that_is_not_as_wanted_is_told(
    wrong: Wrong, world: World, change: dict[str, Any], level: str, said: str
) -> None:
    world.service |= change

    found = wrong()

    assert (found.area, found.level) == ("Service", level)
    assert said in found.said


@pytest.mark.parametrize(
    ("change", "command"),
    [
        ({"runningCount": 1}, "aws ecs list-tasks --cluster "),
        ({"runningCount": 0, "desiredCount": 0}, "aws ecs update-service --cluster "),
    ],
)
def test_a_command_names_the_cluster_without_which_it_would_look_elsewhere(
    wrong: Wrong, world: World, change: dict[str, Any], command: str
) -> None:
    world.service |= change
    (cluster,) = [
        one["OutputValue"]
        for one in world.stacks[CONTAINER]["Outputs"]
        if one["OutputKey"] == "ClusterName"
    ]

    assert f"{command}{cluster} --service" in wrong().fix


def test_a_service_that_may_rest_is_well_without_tasks(look: Look, world: World) -> None:
    world.service |= {"runningCount": 0, "desiredCount": 0}
    for one in world.stacks[CONTAINER]["Parameters"]:
        if one["ParameterKey"] == "MinTasks":
            one["ParameterValue"] = "0"

    assert {one.level for one in look()} == {"ok"}


def test_a_service_that_is_gone_is_told(wrong: Wrong, world: World) -> None:
    world.service = {}

    assert wrong().said == "there is no service service in cluster cluster"


def test_a_deployment_that_ecs_took_back_is_told(wrong: Wrong, world: World) -> None:
    world.service["taskDefinition"] = TASK.replace(":7", ":6")

    assert wrong().said == "it runs worker:6, and the stack made worker:7: it was taken back"


@pytest.mark.parametrize(
    ("image", "level", "words"),
    [
        ("elsewhere:1", "failed", "the stack says"),
        (f"{IMAGE.partition(':')[0]}:latest", "warning", "may run another image"),
        (f"{IMAGE.partition(':')[0]}:9.9.9", "warning", "this is"),
    ],
)
def test_another_image_is_told(
    wrong: Wrong, world: World, image: str, level: str, words: str
) -> None:
    world.container["image"] = image
    if level == "warning":  # the stack wants it
        (wanted,) = (
            one
            for one in world.stacks[CONTAINER]["Parameters"]
            if one["ParameterKey"] == "ImageUri"
        )
        wanted["ParameterValue"] = image

    found = wrong()

    assert (found.name, found.level) == ("image", level)
    assert words in found.said


def test_a_stop_that_is_too_short_is_told(wrong: Wrong, world: World) -> None:
    world.container["stopTimeout"] = 20

    assert (wrong().name, wrong().level) == ("stop", "failed")


def test_settings_of_the_container_must_agree_as_well(wrong: Wrong, world: World) -> None:
    world.container["environment"] = [
        one for one in world.container["environment"] if one["name"] != "WORKER_POLL_QUEUE_URL"
    ]

    assert wrong().said == "WORKER_POLL_QUEUE_URL is not set"


def test_a_task_without_the_worker_is_told(look: Look, world: World) -> None:
    world.container["name"] = "other"

    assert "no container called worker" in "".join(one.said for one in look(CONTAINER))


# ── Logs and alarms ──────────────────────────────────────────────────────────────────────────────


def test_logs_that_are_kept_for_ever_are_told(wrong: Wrong, world: World) -> None:
    world.groups["container-logs"] = None

    found = wrong()

    assert (found.level, found.said) == ("warning", "kept for ever, and paid for")


def test_a_log_group_that_is_gone_is_told(wrong: Wrong, world: World) -> None:
    del world.groups["container-logs"]
    world.groups["container-logs-of-others"] = 30

    assert wrong().level == "failed"


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"StateValue": "ALARM", "StateReason": "held"}, "failed", "it rings: held"),
        ({"ActionsEnabled": False}, "warning", "tells nobody"),
        ({"AlarmActions": []}, "warning", "tells nobody"),
    ],
)
def test_an_alarm_that_rings_or_cannot_is_named(
    wrong: Wrong, world: World, change: dict[str, Any], level: str, said: str
) -> None:
    world.alarms[ALARMS[1]] |= change

    found = wrong()

    assert (found.name, found.level) == (ALARMS[1], level)
    assert said in found.said


def test_an_alarm_that_was_deleted_is_named(wrong: Wrong, world: World) -> None:
    del world.alarms[ALARMS[0]]

    assert (wrong().name, wrong().said) == (ALARMS[0], "somebody deleted it")


def test_alarms_that_nobody_hears_are_told(wrong: Wrong, world: World) -> None:
    world.listeners = 0

    assert "alarms are not heard" in wrong().said
