"""Deploying again while the functions work."""

from __future__ import annotations

from tests.deploy.orders import Desk
from tests.deploy.stage import AGAIN_S, DeployedStage

MEMORY_MB = "768"
"""Not the default: a deployment that changes nothing of a function leaves its environments alone."""


def test_what_is_in_flight_survives_a_deployment(stage: DeployedStage, desk: Desk) -> None:
    names = desk.send(*[desk.full_naomi() for _ in range(3)])

    stage.deploy(memoryMb=MEMORY_MB)

    desk.wait_for_pictures(*names, deadline_s=AGAIN_S)


def test_a_deployment_is_given_what_the_one_before_was(stage: DeployedStage) -> None:
    said = stage.deploy()

    assert f"memoryMb={MEMORY_MB} as in the last deployment" in said
    client = stage.aws.client("lambda")
    found = client.get_function_configuration(FunctionName=stage.function("polls"))
    assert found["MemorySize"] == int(MEMORY_MB)
