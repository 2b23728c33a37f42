"""Deploying again while the functions work."""

from __future__ import annotations

from tests.deploy.drop_folder import DropFolder
from tests.deploy.orders import Desk
from tests.deploy.stage import AGAIN_S, DeployedStage


def test_what_is_in_flight_survives_the_deployment_that_opens_a_drop_folder(
    desk: Desk, in_flight: list[str], folder: DropFolder
) -> None:
    assert folder.rules_uri

    desk.wait_for_pictures(*in_flight, deadline_s=AGAIN_S)


def test_a_deployment_is_given_what_the_one_before_was(
    stage: DeployedStage, folder: DropFolder
) -> None:
    said = stage.deploy()

    assert f"dropRules={folder.rules_uri} as in the last deployment" in said
    client = stage.aws.client("lambda")
    found = client.get_function_configuration(FunctionName=stage.function("polls"))
    assert found["Environment"]["Variables"]["WORKER_DROP_RULES"] == folder.rules_uri
