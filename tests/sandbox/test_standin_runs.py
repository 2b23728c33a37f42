"""14.5 and 14.6: the run routes, and what they do with bad input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.standin import IDS, MISSING_ID, Lab, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


DOCS, SDK = "/v1/workflows/run/{}", "/v1/workflows/{}/run"


@pytest.mark.parametrize("route", [DOCS, SDK])
def test_both_run_routes_answer_201_with_the_pipeline_id(lab: Lab, route: str) -> None:
    document = {"imageId": lab.upload()["id"]}
    answer = lab.call("POST", route.format(IDS["prepare-image"]), json={"input": document})
    assert answer.status_code == 201
    assert set(answer.json()) == {"pipelineId"}
    assert lab.pipeline(answer.json()["pipelineId"])["status"] == "completed"


@pytest.mark.parametrize(("kept", "off", "on"), [("sdk", DOCS, SDK), ("docs", SDK, DOCS)])
def test_run_route_that_is_switched_off_is_unknown(lab: Lab, kept: str, off: str, on: str) -> None:
    lab.fresh(runRoutes=[kept])
    gone = lab.call("POST", off.format(IDS["naomi"]), json={"input": {}})
    assert gone.status_code == 404
    assert gone.json()["message"] == f"Cannot POST {off.format(IDS['naomi'])}"
    assert lab.call("POST", on.format(IDS["naomi"]), json={"input": {}}).status_code == 201
    assert len(lab.stand_in.runs()) == 1


@pytest.mark.parametrize("route", [DOCS, SDK])
def test_unknown_workflow_is_404_and_malformed_id_400(lab: Lab, route: str) -> None:
    assert lab.call("POST", route.format(MISSING_ID), json={"input": {}}).status_code == 404
    assert lab.call("POST", route.format("naomi"), json={"input": {}}).status_code == 400
    assert lab.stand_in.runs() == []


@pytest.mark.parametrize(
    ("body", "word"),
    [({}, "input"), ({"input": []}, "input"), ({"input": None}, "input"),
     ({"input": {}, "versionNumber": "2"}, "versionNumber"),
     ({"input": {}, "metadata": "text"}, "metadata"), ([], "input")],
    ids=str,
)  # fmt: skip
def test_bad_run_body_is_400_with_a_list(lab: Lab, body: object, word: str) -> None:
    answer = lab.call("POST", DOCS.format(IDS["naomi"]), json=body)
    assert answer.status_code == 400
    assert any(word in line for line in answer.json()["message"])
    assert lab.stand_in.runs() == []


def test_body_without_the_json_type_counts_as_empty(lab: Lab) -> None:
    answer = lab.call("POST", DOCS.format(IDS["naomi"]), data='{"input": {}}')
    assert answer.status_code == 400


def test_unknown_properties_are_ignored(lab: Lab) -> None:
    document = {"imageId": lab.upload()["id"], "surprise": 1}
    run = lab.run("prepare-image", document, version=3, versionNumber=2)
    assert lab.pipeline(run)["status"] == "completed"


def test_extra_workflow_answers_with_its_given_output(lab: Lab) -> None:
    own = "11111111-1111-4111-8111-111111111111"
    lab.fresh(workflows={own: {"imageIds": ["a"]}})
    assert lab.pipeline(lab.run(own, {"anything": True}))["output"] == {"imageIds": ["a"]}


def bad_inputs(lab: Lab) -> list[tuple[dict[str, Any], str, str]]:
    """Changes to a valid input, each with the code and the input that the fault names."""
    expired = lab.upload(ttlSeconds=1)["id"]
    lab.clock.advance(2)
    return [
        ({"imageId": ...}, "INPUT_REQUIRED", "imageId"),
        ({"prompt": None}, "INPUT_REQUIRED", "prompt"),
        ({"imageId": MISSING_ID}, "IMAGE_NOT_FOUND", "imageId"),
        ({"imageId": "not even a uuid"}, "IMAGE_NOT_FOUND", "imageId"),
        ({"poseImageId": expired}, "IMAGE_NOT_FOUND", "poseImageId"),
        ({"aspectRatio": "16:9"}, "INPUT_INVALID", "aspectRatio"),
        ({"aspectRatio": 1}, "INPUT_INVALID", "aspectRatio"),
        ({"seed": "42"}, "INPUT_INVALID", "seed"),
        ({"seed": True}, "INPUT_INVALID", "seed"),
        ({"isHuman": "yes"}, "INPUT_INVALID", "isHuman"),
        ({"enhancePrompt": 1}, "INPUT_INVALID", "enhancePrompt"),
        ({"label": 5}, "INPUT_INVALID", "label"),
        ({"prompt": ["a"]}, "INPUT_INVALID", "prompt"),
    ]


def test_bad_input_fails_the_pipeline_by_default(lab: Lab) -> None:
    good = lab.full_naomi_input()
    for change, code, name in bad_inputs(lab):
        document = {key: value for key, value in {**good, **change}.items() if value is not ...}
        pipeline = lab.pipeline(lab.run("full-naomi", document))
        assert pipeline["status"] == "failed", change
        assert pipeline["errorCode"] == code, change
        assert pipeline["errorMessage"].startswith(name), change
        assert "output" not in pipeline


def test_bad_input_is_400_in_sync_mode_and_nothing_runs(lab: Lab) -> None:
    lab.fresh(inputFaults="sync")
    good = lab.full_naomi_input()
    for change, _, name in bad_inputs(lab):
        document = {key: value for key, value in {**good, **change}.items() if value is not ...}
        answer = lab.post_run("full-naomi", document)
        assert answer.status_code == 400, change
        assert answer.json()["message"][0].startswith(f"input.{name}"), change
    assert lab.stand_in.runs() == []


def test_image_id_given_as_pose_id_is_an_unknown_pose(lab: Lab) -> None:
    image_id = lab.upload()["id"]
    document = {"poseId": image_id, "imageId": image_id, "prompt": "x"}
    pipeline = lab.pipeline(lab.run("naomi", document))
    assert (pipeline["status"], pipeline["errorCode"]) == ("failed", "POSE_NOT_FOUND")


def test_absent_and_null_optional_inputs_are_alike(lab: Lab) -> None:
    document = lab.full_naomi_input(seed=None, label=None, isHuman=None)
    assert lab.pipeline(lab.run("full-naomi", document))["status"] == "completed"


def test_public_run_answers_with_an_operation(lab: Lab) -> None:
    lab.fresh(publicRuns=True, durationSeconds=10)
    document = {"imageId": lab.upload()["id"]}
    base = "/v1/workflows/public"
    started = lab.call("POST", f"{base}/{IDS['prepare-image']}/run", json={"input": document})
    by_alias = lab.call("POST", f"{base}/alias/naomi-prepare-image/run", json={"input": document})
    assert (started.status_code, by_alias.status_code) == (201, 201)
    operation_id = started.json()["operationId"]
    path = f"/v1/operations/{operation_id}"
    pending = lab.call("GET", path).json()
    assert (pending["kind"], pending["status"], pending["output"]) == ("operation", "pending", None)
    assert lab.call("GET", f"{path}/status").json() == {"status": "pending"}
    lab.clock.advance(10)
    ended = lab.call("GET", f"{path}/status").json()
    assert ended["status"] == "finished"
    assert set(ended["operation"]["output"]["output"]) == {"preparedImageId"}
    many = lab.call("POST", "/v1/operations/many", json={"ids": [operation_id, MISSING_ID]})
    assert [item["id"] for item in many.json()] == [operation_id]
    inner = lab.call("GET", f"/v1/pipelines?parentOperationId={operation_id}").json()["data"]
    assert [item["status"] for item in inner] == ["completed"]


def test_public_run_is_refused_unless_switched_on(lab: Lab) -> None:
    path = f"/v1/workflows/public/{IDS['naomi']}/run"
    assert lab.call("POST", path, json={"input": {}}).status_code == 404
    alias = "/v1/workflows/public/alias/naomi-pipeline/run"
    assert lab.call("POST", alias, json={"input": {}}).status_code == 404
