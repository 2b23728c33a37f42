"""Hautech in memory: what only this world has, and scenarios rely on.

What it shares with the real client is checked in `test_image_generation.py`.
"""

import pytest

from worker.adapters.memory import ManualClock, MemoryHautech
from worker.contracts.workflows import WORKFLOWS

FULL = WORKFLOWS["full-naomi"].workflow_id
POSE = WORKFLOWS["prepare-pose"].workflow_id


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hautech(clock: ManualClock) -> MemoryHautech:
    return MemoryHautech(clock, duration_s=5.0)


def full_input(hautech: MemoryHautech) -> dict[str, str]:
    return {"imageId": hautech.add_image(b"garment"), "poseImageId": hautech.add_image(b"pose")}


def test_each_workflow_can_take_its_own_time(hautech: MemoryHautech, clock: ManualClock) -> None:
    hautech.durations_s[POSE] = 2.0
    pose = hautech.run(POSE, {"poseImageId": hautech.add_image(b"pose")}, {})
    full = hautech.run(FULL, full_input(hautech), {})
    clock.advance(2)
    assert [hautech.look(one).status for one in (pose, full)] == ["completed", "pending"]


def test_runs_are_found_by_a_text_in_their_metadata_even_if_lists_drop_it(
    hautech: MemoryHautech,
) -> None:
    hautech.keeps_metadata = False
    hautech.run(FULL, full_input(hautech), {"hautechWorker": {"key": "k1"}})
    assert len(hautech.runs_with("k1")) == 1
    assert hautech.runs_with("k2") == []


def test_each_run_has_its_price(hautech: MemoryHautech, clock: ManualClock) -> None:
    before = hautech.balance
    pipeline_id = hautech.run(FULL, full_input(hautech), {})
    clock.advance(5)
    assert hautech.look(pipeline_id).credits == "0.04375"
    assert before - hautech.balance == hautech.price


def test_a_pose_that_was_put_there_can_be_used(hautech: MemoryHautech, clock: ManualClock) -> None:
    naomi = WORKFLOWS["naomi"].workflow_id
    pipeline_id = hautech.run(
        naomi, {"poseId": hautech.add_pose(), "imageId": hautech.add_image(b"x")}, {}
    )
    clock.advance(5)
    assert hautech.look(pipeline_id).status == "completed"
