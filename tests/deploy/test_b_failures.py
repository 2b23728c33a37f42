"""Functions that end in the middle of their work: what they had in hand is done by another one."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.deploy.orders import Desk
from tests.deploy.stage import DEADLINE_S, FUNCTION_TIMEOUT_S, VISIBILITY_S, DeployedStage

_AGAIN_S = FUNCTION_TIMEOUT_S + VISIBILITY_S + DEADLINE_S
"""Until somebody else has the message of a function that ended, and the job that it held."""


def strike(stage: DeployedStage, function: str, with_signal: signal.Signals) -> None:
    """Sends all processes of a function a signal."""
    processes = stage.processes(function)
    assert processes, f"no process of {function} runs"
    for process in processes:
        try:
            process.send_signal(with_signal)
        except psutil.NoSuchProcess:
            continue


@pytest.fixture(scope="module")
def struck(stage: DeployedStage, desk: Desk) -> Iterator[dict[str, str]]:
    """Two requests whose functions were struck down: one killed while it paid, one frozen."""
    # Its picture does not come.
    stage.standin.add_fault({"route": "images.download", "kind": "delay", "delaySeconds": 20})
    (frozen,) = desk.send(desk.full_naomi())
    stage.wait_for(lambda: stage.standin.faults()[0]["hits"])
    strike(stage, "polls", signal.SIGSTOP)

    killed = desk.full_naomi()
    # Hautech starts the run, and its answer does not come.
    stage.standin.add_fault(
        {
            "route": "workflows.run",
            "kind": "silence",
            "delaySeconds": 20,
            "bodyContains": killed["requestId"],
        }
    )
    desk.send(killed)
    stage.wait_for(lambda: runs_of(stage, str(killed["requestId"])))
    strike(stage, "requests", signal.SIGKILL)
    yield {"killed": str(killed["requestId"]), "frozen": frozen}
    stage.standin.clear_faults()


def runs_of(stage: DeployedStage, request_id: str) -> list[str]:
    """The pipelines that were started for a request."""
    return [
        run["pipelineId"]
        for run in stage.standin.runs()
        if run["metadata"]["hautechWorker"]["jobId"] == request_id
    ]


def test_a_function_killed_while_it_pays_pays_once(
    stage: DeployedStage, desk: Desk, struck: dict[str, str]
) -> None:
    desk.wait_for_pictures(struck["killed"], deadline_s=_AGAIN_S)

    assert len(runs_of(stage, struck["killed"])) == 1
    assert any("adopted" in line for line in stage.log("requests") if struck["killed"] in line)


def test_what_a_function_had_in_hand_that_timed_out_is_done_by_the_next_one(
    stage: DeployedStage, desk: Desk, struck: dict[str, str]
) -> None:
    desk.wait_for_pictures(struck["frozen"], deadline_s=_AGAIN_S)

    assert len(runs_of(stage, struck["frozen"])) == 1
    assert f"timed out after {FUNCTION_TIMEOUT_S}" in stage.emulator_log()
