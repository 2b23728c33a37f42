"""14.7: pipelines take their time, go task by task and end."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.support.standin import Lab, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def test_zero_duration_is_completed_at_the_first_look(lab: Lab) -> None:
    run = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    assert lab.call("GET", f"/v1/pipelines/{run}/status").json()["status"] == "completed"


def test_pipeline_is_pending_until_its_time_is_over(lab: Lab) -> None:
    lab.fresh(durationSeconds=30)
    run = lab.run("full-naomi", lab.full_naomi_input())
    path = f"/v1/pipelines/{run}/status"
    assert lab.call("GET", path).json() == {"status": "pending"}
    assert "output" not in lab.pipeline(run)
    lab.clock.advance(29.9)
    assert lab.call("GET", path).json() == {"status": "pending"}
    lab.clock.advance(0.2)
    ended = lab.call("GET", path).json()
    assert ended["status"] == "completed"
    assert ended["pipeline"] == lab.pipeline(run)


def test_state_fills_credits_grow_and_time_moves_task_by_task(lab: Lab) -> None:
    lab.fresh(durationSeconds=60, price={"full-naomi": "0.05"})
    run = lab.run("full-naomi", lab.full_naomi_input())
    seen = [lab.pipeline(run)]
    for _ in range(6):
        lab.clock.advance(10)
        seen.append(lab.pipeline(run))
    assert [len(document["state"]) for document in seen] == [0, 1, 2, 3, 4, 5, 6]
    consumed = [Decimal(document["consumedCredits"]) for document in seen]
    assert consumed == sorted(consumed)
    assert (consumed[0], consumed[-1]) == (Decimal(0), Decimal("0.05"))
    assert len(set(consumed)) == 4
    assert len({document["updatedAt"] for document in seen}) == 7
    assert all(document["createdAt"] == seen[0]["createdAt"] for document in seen)


def test_failed_run_costs_what_was_done_and_its_later_tasks_never_end(lab: Lab) -> None:
    lab.fresh(durationSeconds=60)
    lab.stand_in.add_fault(
        {"route": "workflows.run", "kind": "fail_run", "errorCode": "NSFW", "errorMessage": "no"}
    )
    run = lab.run("full-naomi", lab.full_naomi_input())
    lab.clock.advance(60)
    pipeline = lab.pipeline(run)
    assert (pipeline["status"], pipeline["errorCode"], pipeline["errorMessage"]) == (
        "failed",
        "NSFW",
        "no",
    )
    assert 0 < Decimal(pipeline["consumedCredits"]) < Decimal(pipeline["estimatedCredits"])
    last = pipeline["state"][pipeline["tasks"][-1]["id"]]
    assert last == {"status": "failed", "output": {"errorCode": "NSFW", "errorMessage": "no"}}
    bad_input = lab.run("full-naomi", {})
    lab.clock.advance(60)
    pipeline = lab.pipeline(bad_input)
    assert len(pipeline["state"]) == 1
    assert pipeline["consumedCredits"] == "0"


def test_durations_are_set_per_workflow(lab: Lab) -> None:
    lab.fresh(durationSeconds={"prepare-image": 5, "default": 50})
    document = {"imageId": lab.upload()["id"]}
    quick = lab.run("prepare-image", document)
    slow = lab.run("prepare-pose", {"poseImageId": document["imageId"], "aspectRatio": "1:1"})
    lab.clock.advance(5)
    assert lab.pipeline(quick)["status"] == "completed"
    assert lab.pipeline(slow)["status"] == "pending"


def test_drawn_durations_stay_in_the_range_and_repeat_after_a_reset(lab: Lab) -> None:
    def ends() -> list[int]:
        runs = [lab.run("prepare-image", {}) for _ in range(8)]
        ended_at = dict.fromkeys(runs, 0)
        for second in range(1, 31):
            lab.clock.advance(1)
            for run in runs:
                if not ended_at[run] and lab.pipeline(run)["updatedAt"] > started:
                    ended_at[run] = second
        return list(ended_at.values())

    results = []
    for _ in range(2):
        lab.fresh(durationSeconds=[10, 40])
        started = lab.pipeline(lab.run("prepare-image", {}))["createdAt"]
        results.append(ends())
    # A fault shows after the first of two tasks, that is after half of the time.
    assert all(5 <= second <= 21 for second in results[0])
    assert len(set(results[0])) > 2
    assert results[0] == results[1]


def test_stuck_runs_stay_pending(lab: Lab) -> None:
    lab.fresh(stuckPending=True)
    run = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    lab.clock.advance(1e6)
    assert lab.pipeline(run)["status"] == "pending"


def test_one_run_can_be_stuck_by_a_rule(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": "stuck"})
    document = {"imageId": lab.upload()["id"]}
    stuck, well = lab.run("prepare-image", document), lab.run("prepare-image", document)
    assert [lab.pipeline(run)["status"] for run in (stuck, well)] == ["pending", "completed"]


def test_status_word_can_be_in_progress(lab: Lab) -> None:
    lab.fresh(durationSeconds=9, statusWord="in_progress")
    run = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    assert lab.call("GET", f"/v1/pipelines/{run}/status").json() == {"status": "in_progress"}
    assert lab.pipeline(run)["status"] == "in_progress"
    lab.clock.advance(9)
    assert lab.pipeline(run)["status"] == "completed"


def test_status_route_can_be_missing(lab: Lab) -> None:
    lab.fresh(statusRoute=False)
    run = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    answer = lab.call("GET", f"/v1/pipelines/{run}/status")
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("Cannot GET")
    assert lab.pipeline(run)["status"] == "completed"


def test_metadata_can_be_dropped_while_input_is_kept(lab: Lab) -> None:
    lab.fresh(dropMetadata=True)
    document = {"imageId": lab.upload()["id"]}
    pipeline = lab.pipeline(lab.run("prepare-image", document, metadata={"key": 1}))
    assert pipeline["metadata"] == {}
    assert pipeline["input"] == document
    # What was sent is still known to the tests.
    assert lab.stand_in.runs()[0]["metadata"] == {"key": 1}


def test_advance_moves_the_clock_over_the_control_route(lab: Lab) -> None:
    lab.fresh(durationSeconds=100)
    run = lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    lab.stand_in.advance(100)
    assert lab.pipeline(run)["status"] == "completed"
