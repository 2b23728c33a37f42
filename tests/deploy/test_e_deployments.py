"""Deploying again while the functions work."""

from __future__ import annotations

from tests.deploy.orders import Desk
from tests.deploy.stage import AGAIN_S, DeployedStage


def test_what_is_in_flight_survives_a_deployment(stage: DeployedStage, desk: Desk) -> None:
    names = desk.send(*[desk.full_naomi() for _ in range(3)])

    stage.deploy(memoryMb="768")

    desk.wait_for_pictures(*names, deadline_s=AGAIN_S)
