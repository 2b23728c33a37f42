"""14.1 and §12: status codes, document shapes and error bodies."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from tests.support.standin import IDS, MISSING_ID, Lab, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def is_time(text: Any) -> bool:
    return (
        isinstance(text, str)
        and text.endswith("Z")
        and datetime.fromisoformat(text).tzinfo is not None
    )


def test_image_entity_has_every_field_with_its_type(lab: Lab) -> None:
    image = lab.upload()
    assert image["kind"] == "image"
    assert image["metadata"] == {}
    assert image["expiresAt"] is None
    assert is_time(image["createdAt"])
    assert is_time(image["updatedAt"])
    assert (image["format"], image["width"], image["height"]) == ("png", 120, 180)
    assert (image["originalFilenameBase"], image["originalFilenameExt"]) == ("photo", "png")
    assert image["url"].startswith(lab.stand_in.media_url)
    assert isinstance(image["creatorId"], str)


def test_completed_pipeline_has_every_field_with_its_type(lab: Lab) -> None:
    document = lab.full_naomi_input()
    pipeline = lab.pipeline(lab.run("full-naomi", document, metadata={"app": {"jobId": "1"}}))
    assert pipeline["kind"] == "pipeline"
    assert pipeline["status"] == "completed"
    assert pipeline["metadata"] == {"app": {"jobId": "1"}}
    assert pipeline["input"] == document
    assert isinstance(pipeline["estimatedCredits"], str)
    assert Decimal(pipeline["consumedCredits"]) == Decimal(pipeline["estimatedCredits"]) > 0
    assert is_time(pipeline["createdAt"])
    assert is_time(pipeline["updatedAt"])
    assert "expiresAt" not in pipeline
    assert set(pipeline["state"]) == {task["id"] for task in pipeline["tasks"]}
    for task in pipeline["tasks"]:
        assert set(task) == {"id", "method", "dependencies", "args", "estimatedPrice"}
        assert all(isinstance(word, str) for word in task["method"])
        assert isinstance(task["estimatedPrice"], str)


def test_absent_optional_keys_are_omitted(lab: Lab) -> None:
    lab.fresh(durationSeconds=10)
    pending = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    assert not {"output", "errorMessage", "errorCode"} & set(lab.pipeline(pending))
    nameless = lab.finalize(lab.file_token(b"GIF89a", filename="x")).status_code
    assert nameless == 400
    plain = lab.finalize(lab.file_token(_gif(), filename="look")).json()
    assert plain["originalFilenameBase"] == "look"
    assert "originalFilenameExt" not in plain


def test_absent_optional_keys_are_null_when_switched(lab: Lab) -> None:
    lab.fresh(durationSeconds=10, nullOptionalKeys=True)
    pending = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    pipeline = lab.pipeline(pending)
    assert (pipeline["output"], pipeline["errorMessage"], pipeline["errorCode"]) == (None,) * 3
    assert lab.call("GET", f"/v1/pipelines/{pending}/status").json()["pipeline"] is None
    plain = lab.finalize(lab.file_token(_gif(), filename="look")).json()
    assert plain["originalFilenameExt"] is None


def _gif() -> bytes:
    buffer = io.BytesIO()
    Image.new("P", (3, 2)).save(buffer, format="GIF")
    return buffer.getvalue()


def test_pose_entity_holds_source_and_preview(lab: Lab) -> None:
    image = lab.upload()
    run = lab.run("prepare-pose", {"poseImageId": image["id"], "aspectRatio": "4:7"})
    pose_id = lab.pipeline(run)["output"]["poseId"]
    answer = lab.call("GET", f"/v1/poses/{pose_id}")
    pose = answer.json()
    assert answer.status_code == 200
    assert (pose["kind"], pose["id"], pose["expiresAt"]) == ("pose", pose_id, None)
    assert pose["sourceImage"]["id"] == image["id"]
    assert pose["previewImageId"] == pose["previewImage"]["id"]
    assert (pose["previewImage"]["width"], pose["previewImage"]["height"]) == (768, 1344)


def test_account_balance_and_permissions(lab: Lab) -> None:
    account = lab.call("GET", "/v1/accounts/self").json()
    assert (account["type"], account["balance"]) == ("root", "100")
    assert is_time(account["createdAt"])
    assert lab.call("GET", "/v1/accounts/self/balance").json() == {"balance": "100"}
    assert "images:create" in lab.call("GET", "/v1/permissions/available", token=None).json()


def test_workflow_record_and_schema(lab: Lab) -> None:
    record = lab.call("GET", f"/v1/workflows/{IDS['naomi']}").json()
    assert record["id"] == IDS["naomi"]
    assert record["isPublic"] is False
    schema = lab.call("GET", f"/v1/workflows/{IDS['naomi']}/schema").json()
    assert schema["required"] == ["poseId", "imageId", "prompt"]
    assert schema["properties"]["seed"] == {"type": "integer"}


def test_representation_exists_only_for_segmented_images(lab: Lab) -> None:
    image_id = lab.upload()["id"]
    prepared = lab.pipeline(lab.run("prepare-image", {"imageId": image_id}))["output"]
    found = lab.call("GET", f"/v1/images/{prepared['preparedImageId']}/representation/sam.v1")
    assert found.status_code == 200
    assert set(found.json()) == {"imageId", "type", "url"}
    absent = lab.call("GET", f"/v1/images/{image_id}/representation/sam.v1")
    unknown = lab.call("GET", f"/v1/images/{image_id}/representation/other")
    assert (absent.status_code, unknown.status_code) == (404, 400)


def test_many_answers_the_found_ones_with_200(lab: Lab) -> None:
    ids = [lab.upload()["id"] for _ in range(3)]
    answer = lab.call("POST", "/v1/images/many", json={"ids": [*ids, MISSING_ID]})
    assert answer.status_code == 200
    assert {image["id"] for image in answer.json()} == set(ids)
    refused = lab.call("POST", "/v1/images/many", json={"ids": None})
    assert refused.status_code == 400
    assert refused.json()["message"] == ["ids must be an array"]


@pytest.mark.parametrize(
    "path",
    ["/v1/images/{}", "/v1/pipelines/{}", "/v1/pipelines/{}/status", "/v1/operations/{}",
     "/v1/operations/{}/status", "/v1/poses/{}", "/v1/workflows/{}", "/v1/workflows/{}/schema"],
)  # fmt: skip
def test_missing_id_is_404_and_malformed_id_is_400(lab: Lab, path: str) -> None:
    missing = lab.call("GET", path.format(MISSING_ID))
    assert missing.status_code == missing.json()["statusCode"] == 404
    malformed = lab.call("GET", path.format("not-a-uuid"))
    assert malformed.status_code == 400
    assert malformed.json() == {
        "statusCode": 400,
        "message": "Validation failed (uuid is expected)",
        "error": "Bad Request",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/nothing"), ("DELETE", f"/v1/images/{MISSING_ID}"), ("GET", "/socket.io/")],
)
def test_unknown_route_or_method_is_404_in_the_frameworks_words(
    lab: Lab, method: str, path: str
) -> None:
    answer = lab.call(method, path)
    assert answer.status_code == 404
    assert answer.json()["message"] == f"Cannot {method} {path}"


def test_body_that_is_not_json_is_400(lab: Lab) -> None:
    answer = lab.call(
        "POST",
        "/v1/images/many",
        data=b"{nonsense",
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
