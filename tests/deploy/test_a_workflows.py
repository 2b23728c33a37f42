"""Every workflow through the deployed functions, as a producer and a consumer see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.aws import subscribe_queue
from tests.deploy.orders import Desk
from tests.deploy.stage import ROOT, DeployedStage

CUSTOM = "0c9a6c1e-7f5b-4e0a-8e55-0e7c7a1b9f10"


def test_deploying_ends_with_the_command_for_the_first_picture(stage: DeployedStage) -> None:
    assert f". .deployed/{stage.stage.name}.env && .venv/bin/hautech-worker submit" in stage.said
    assert Path(ROOT / ".deployed" / f"{stage.stage.name}.env").exists()


def test_every_workflow_ends_with_its_event_and_its_pictures(
    stage: DeployedStage, desk: Desk
) -> None:
    stage.standin.set_options(workflows={CUSTOM: {"note": "done"}})
    prompt = {"prompt": "a woman in a jacket"}
    raw = {"poseId": desk.pose, "imageId": desk.garment, "aspectRatio": "1:1", **prompt}
    preparing = desk.send(
        desk.full_naomi(),
        desk.request("naomi", raw),
        desk.request("prepare-image", {"imageId": desk.garment}),
        desk.request("prepare-pose", {"poseImageId": desk.pose, "aspectRatio": "7:10"}),
        desk.request(CUSTOM, {"imageIds": [desk.garment], "scene": {"maskId": desk.pose}}),
    )
    desk.wait_for_pictures(*preparing)
    image, pose = (desk.wait_for_event(name)["data"]["result"] for name in preparing[2:4])

    prepared = {"poseId": pose["poseId"], "imageId": image["preparedImageId"], **prompt}
    desk.wait_for_pictures(*desk.send(desk.request("naomi", prepared)))

    for name in (*preparing[:2], desk.sent[-1]):
        assert len(desk.wait_for_event(name)["data"]["outputs"]) == 1


def test_one_bad_record_among_nine_good_ones_spoils_none_of_them(
    stage: DeployedStage, desk: Desk
) -> None:
    good: list[dict[str, Any] | str] = [desk.full_naomi() for _ in range(9)]

    names = desk.send(*good[:4], '{"requestId": "cut-short", ', *good[4:])

    desk.wait_for_pictures(*names)
    letters = stage.aws.client("sqs").receive_message(
        QueueUrl=stage.outputs.dead_letter_queue_url, MessageAttributeNames=["All"]
    )["Messages"]
    (letter,) = [one for one in letters if "cut-short" in one["Body"]]
    assert "request.malformed" in json.dumps(letter["MessageAttributes"])


def test_a_consumer_gets_only_the_events_that_its_filter_wants(
    stage: DeployedStage, desk: Desk
) -> None:
    wanted, other = desk.full_naomi(), desk.full_naomi()
    policy = {"sku": [wanted["metadata"]["sku"]], "status": ["succeeded"]}
    queue_url = subscribe_queue(stage.aws, stage.outputs.result_topic_arn, filter_policy=policy)

    desk.wait_for_pictures(*desk.send(other, wanted))

    (event,) = stage.wait_for(lambda: stage.receive_events(queue_url))
    assert event["subject"] == wanted["requestId"]
