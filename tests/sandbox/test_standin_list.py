"""14.9: the pipeline list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.standin import Lab, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def runs(lab: Lab, count: int) -> list[str]:
    """Ids of new runs, one a second, oldest first."""
    ids = []
    for number in range(count):
        ids.append(lab.run("prepare-image", {"n": number}, metadata={"n": number}))
        lab.clock.advance(1)
    return ids


def listed(lab: Lab, query: str = "") -> dict[str, Any]:
    answer = lab.call("GET", f"/v1/pipelines{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_previews_carry_metadata_but_neither_input_nor_output(lab: Lab) -> None:
    runs(lab, 1)
    (preview,) = listed(lab)["data"]
    assert set(preview) == {
        "kind", "id", "creatorId", "metadata", "status", "createdAt", "updatedAt",
        "errorMessage", "errorCode",
    }  # fmt: skip
    assert preview["metadata"] == {"n": 0}
    assert preview["status"] == "failed"


def test_a_new_pipeline_is_listed_first_and_at_once(lab: Lab) -> None:
    ids = runs(lab, 3)
    assert [item["id"] for item in listed(lab)["data"]] == ids[::-1]


def test_pages_hold_fifty_and_follow_one_another_without_gap_or_repetition(lab: Lab) -> None:
    ids = runs(lab, 120)
    first = listed(lab)
    assert len(first["data"]) == 50
    # Runs that start while somebody pages must not shift the pages.
    late = runs(lab, 1)
    second = listed(lab, f"?cursor={first['pageInfo']['nextCursor']}")
    third = listed(lab, f"?cursor={second['pageInfo']['nextCursor']}")
    assert third["pageInfo"] == {}
    seen = [item["id"] for page in (first, second, third) for item in page["data"]]
    assert seen == ids[::-1]
    assert late[0] not in seen


def test_exactly_one_full_page_has_no_next(lab: Lab) -> None:
    runs(lab, 2)
    assert listed(lab, "?limit=2")["pageInfo"] == {}
    assert "nextCursor" in listed(lab, "?limit=1")["pageInfo"]
    assert listed(lab, "?cursor=")["pageInfo"] == {}


def test_order_can_be_turned_round(lab: Lab) -> None:
    ids = runs(lab, 5)
    first = listed(lab, "?orderBy=createdAt_ASC&limit=3")
    cursor = first["pageInfo"]["nextCursor"]
    second = listed(lab, f"?orderBy=createdAt_ASC&limit=3&cursor={cursor}")
    assert [item["id"] for item in first["data"] + second["data"]] == ids


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=x", "?limit=201", "?orderBy=name", "?cursor=abc", "?status=lost"]
)
def test_bad_query_is_400(lab: Lab, query: str) -> None:
    answer = lab.call("GET", f"/v1/pipelines{query}")
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], list)


def test_status_and_operation_filter_list_and_count(lab: Lab) -> None:
    lab.fresh(durationSeconds=10)
    image_id = lab.upload()["id"]
    lab.run("prepare-image", {"imageId": image_id})
    lab.run("prepare-image", {})
    lab.clock.advance(10)
    pending = lab.run("prepare-image", {"imageId": image_id})
    for status, count in (("pending", 1), ("completed", 1), ("failed", 1)):
        assert len(listed(lab, f"?status={status}")["data"]) == count
        counted = lab.call("GET", f"/v1/pipelines/count?status={status}").json()
        assert counted == {"count": count}
    assert listed(lab, "?status=pending")["data"][0]["id"] == pending
    assert lab.call("GET", "/v1/pipelines/count").json() == {"count": 3}
    assert listed(lab, "?parentOperationId=none")["data"] == []


def test_list_can_lag_while_the_pipeline_itself_is_readable(lab: Lab) -> None:
    lab.fresh(listLagSeconds=4)
    run = lab.run("prepare-image", {})
    assert listed(lab)["data"] == []
    assert lab.pipeline(run)["id"] == run
    lab.clock.advance(3.9)
    assert listed(lab)["data"] == []
    lab.clock.advance(0.1)
    assert [item["id"] for item in listed(lab)["data"]] == [run]
