"""Photos and lists in a watched folder, through the notifications of the bucket and the functions."""

from __future__ import annotations

import json

from tests.deploy.drop_folder import TAGS, WATCHED, DropFolder
from tests.deploy.orders import Desk
from tests.deploy.stage import DeployedStage


def test_a_dropped_photo_becomes_a_picture_with_tags_and_is_put_aside(
    stage: DeployedStage, desk: Desk, folder: DropFolder
) -> None:
    dropped = folder.drop("jacket.png", stage.read(desk.garment))

    desk.wait_for_pictures(dropped.request_id)

    (output,) = desk.wait_for_event(dropped.request_id)["data"]["outputs"]
    assert folder.tags_of(output["uri"]) == TAGS
    # The event comes before the marks, so that no mark holds it up.
    stage.wait_for(lambda: folder.place_of(dropped) == ["processed/"])
    assert folder.error_of(dropped) is None


def test_a_photo_that_fails_says_why_in_s3_until_a_better_one_has_its_name(
    stage: DeployedStage, desk: Desk, folder: DropFolder
) -> None:
    bad = folder.drop("shirt.png", b"no photo at all")

    desk.wait_for_failure(bad.request_id, "image.unreadable")
    stage.wait_for(lambda: folder.place_of(bad) == ["failed/"])
    said = folder.error_of(bad)
    assert said is not None
    assert said["code"] == "image.unreadable"
    assert said["photo"].startswith(f"s3://{stage.outputs.input_bucket_name}/{WATCHED}shirt.png")

    good = folder.drop("shirt.png", stage.read(desk.garment))
    assert good.error == bad.error
    desk.wait_for_pictures(good.request_id)
    stage.wait_for(lambda: "processed/" in folder.place_of(good))
    assert folder.error_of(good) is None


def test_lists_that_are_dropped_and_sent_end_in_an_event_and_a_list_of_results(
    stage: DeployedStage, desk: Desk, folder: DropFolder
) -> None:
    dropped = folder.drop_list("spring.csv", "input.aspectRatio\n7:10\nround\n")
    sent = desk.send_batch(["1:1", "7:10"])

    events = [desk.wait_for_event(batch_id) for batch_id in (dropped, sent)]

    assert [event["type"] for event in events] == ["ai.hautech.batch.completed"] * 2
    results = [
        [json.loads(line) for line in stage.read(event["data"]["results"]).splitlines()]
        for event in events
    ]
    assert [[row["status"] for row in rows] for rows in results] == [
        ["succeeded", "refused"],
        ["succeeded", "succeeded"],
    ]
    assert results[0][1]["line"] == 3
    for rows in results:
        for output in rows[0]["outputs"]:
            assert len(stage.read(output["uri"])) == output["bytes"]
