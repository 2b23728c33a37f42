"""Functions that end in the middle of their work: what they had in hand is done by another one."""

from __future__ import annotations

from tests.deploy.orders import Desk
from tests.deploy.stage import AGAIN_S, FUNCTION_TIMEOUT_S, DeployedStage
from tests.deploy.strikes import Struck, runs_of


def test_a_function_killed_while_it_pays_pays_once(
    stage: DeployedStage, desk: Desk, struck: Struck
) -> None:
    desk.wait_for_pictures(struck.killed, deadline_s=AGAIN_S)

    assert len(runs_of(stage, struck.killed)) == 1
    assert any("adopted" in line for line in stage.log("requests") if struck.killed in line)


def test_what_a_function_had_in_hand_that_timed_out_is_done_by_the_next_one(
    stage: DeployedStage, desk: Desk, struck: Struck
) -> None:
    desk.wait_for_pictures(struck.frozen, deadline_s=AGAIN_S)

    assert len(runs_of(stage, struck.frozen)) == 1
    assert f"timed out after {FUNCTION_TIMEOUT_S}" in stage.emulator_log()
