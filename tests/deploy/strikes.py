"""Functions struck down in the middle of their work: one while it pays, one while it fetches."""

from __future__ import annotations

import signal
from dataclasses import dataclass

import psutil

from tests.deploy.orders import Desk
from tests.deploy.stage import DeployedStage


@dataclass(frozen=True, slots=True)
class Struck:
    """The requests that they had in hand, by id.

    Attributes:
        killed: its function was killed while it paid.
        frozen: its function was frozen while it fetched the picture, and times out.
    """

    killed: str
    frozen: str


def strike_both(stage: DeployedStage, desk: Desk) -> Struck:
    """Sends two requests and strikes down what works on them. Nothing waits for what comes of it."""
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
    stage.standin.clear_faults()
    return Struck(killed=str(killed["requestId"]), frozen=frozen)


def strike(stage: DeployedStage, function: str, with_signal: signal.Signals) -> None:
    """Sends all processes of a function a signal."""
    processes = stage.processes(function)
    assert processes, f"no process of {function} runs"
    for process in processes:
        try:
            process.send_signal(with_signal)
        except psutil.NoSuchProcess:
            continue


def runs_of(stage: DeployedStage, request_id: str) -> list[str]:
    """The pipelines that were started for a request."""
    return [
        run["pipelineId"]
        for run in stage.standin.runs()
        if run["metadata"]["hautechWorker"]["jobId"] == request_id
    ]
