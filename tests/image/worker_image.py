"""What the image of the worker promises, seen on a container that works on the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil

from sandbox.aws.ministack import free_loopback_port
from sandbox.local import LocalStack
from sandbox.samples import write_samples
from tests.image.commands import ImageCheckError
from tests.image.containers import Container, started
from tests.image.images import Images
from tests.sandbox.test_end_to_end import events_of, in_queues, request, runs_by_step

WORKFLOWS: Final = ("full-naomi", "naomi", "prepare-image", "prepare-pose")
_PIPELINES: Final = 6
"""Of these four: naomi prepares pose and garment first."""
_CUT_OFF: Final = 8
"""Jobs that are under way when the worker is stopped."""
_USER: Final = 10001
_START_S: Final = 120.0
_WRITES: Final = "import pathlib, sys; pathlib.Path(sys.argv[1], 'probe').touch()"


def check_worker(images: Images, image: str) -> list[str]:
    """What was seen, one line each.

    Raises:
        ImageCheckError: a promise does not hold.
    """
    with LocalStack(workers=0, standin_options={"durationSeconds": 1}) as stack:
        uris = photos(stack)
        environment = _environment(stack)
        with started(images, image, "first-worker", environment) as first:
            _wait_until_healthy(stack, first)
            seen = [_check_process(first), _check_files(first)]
            seen.append(_check_workflows(stack, uris))
            _submit_more(stack, uris)
            took_s = _stop(first)
        with started(images, image, "second-worker", environment) as second:
            seen.append(f"SIGTERM with {_CUT_OFF} jobs under way: exit code 0 after {took_s:.1f} s")
            seen.append(_check_nothing_is_lost(stack))
            _expect(second.is_healthy(), "healthy after it took over")
            seen.append(_check_no_zombies(second))
            seen.append(f"SIGTERM while idle: exit code 0 after {_stop(second):.1f} s")
    return seen


def _environment(stack: LocalStack) -> Mapping[str, str]:
    # The health check must follow the setting: a free port, and not that of the documentation.
    port = free_loopback_port()
    return stack.worker_environment(
        {"WORKER_HEALTH_HOST": "127.0.0.1", "WORKER_HEALTH_PORT": str(port)}
    )


def photos(stack: LocalStack) -> dict[str, str]:
    """Both samples in the input bucket, by name."""
    with TemporaryDirectory() as folder:
        samples = write_samples(Path(folder))
        garment = stack.upload(Path(samples.garment), "raw/garment.png")
        return {"garment": garment, "pose": stack.upload(Path(samples.pose), "poses/pose.png")}


def _wait_until_healthy(stack: LocalStack, container: Container) -> None:
    def is_up() -> bool:
        _expect(container.exit_code is None, "running")
        return container.is_healthy()

    stack.wait_for(is_up, deadline_s=_START_S)
    _expect(container.state()["Health"]["Status"] == "healthy", "healthy as podman tells it")


def _check_process(container: Container) -> str:
    """Process 1 is the worker itself, is nobody, and can never be more."""
    told = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{container.pid}/status").read_text(encoding="utf-8").splitlines()
    )
    _expect(told["NSpid"].split()[-1] == "1", "process 1")
    _expect("hautech-worker" in " ".join(psutil.Process(container.pid).cmdline()), "the worker")
    _expect({int(one) for one in told["Uid"].split()} == {_USER}, f"user {_USER}")
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        _expect(int(told[kind], 16) == 0, f"without capabilities ({kind})")
    _expect(told["NoNewPrivs"].strip() == "1", "without new privileges")
    return f"process 1 is the worker: user {_USER}, no capability, no new privileges, healthy"


def _check_files(container: Container) -> str:
    """One folder can be written to, and nothing else."""
    code, said = container.execute("python", "-c", _WRITES, "/tmp")  # noqa: S108 - the promise
    _expect(code == 0, f"able to write to /tmp: {said}")
    for folder in ("/", "/opt/hautech-worker", "/var/tmp", "/run"):  # noqa: S108 - the same
        code, said = container.execute("python", "-c", _WRITES, folder)
        _expect(code != 0 and "OSError" in said, f"unable to write to {folder}")
    return "read-only root: /tmp can be written to, /, /opt/hautech-worker, /var/tmp and /run not"


def _check_workflows(stack: LocalStack, uris: dict[str, str]) -> str:
    for workflow in WORKFLOWS:
        stack.submit(request(stack, uris, workflow))
    statuses = {event.data.status for event in events_of(stack, len(WORKFLOWS)).values()}
    _expect(statuses == {"succeeded"}, f"done with all four workflows: {statuses}")
    _expect(_paid(stack) == _PIPELINES, f"paid for {_PIPELINES} pipelines, not {_paid(stack)}")
    return f"all four workflows succeeded; {_PIPELINES} pipelines, each paid once"


def _submit_more(stack: LocalStack, uris: dict[str, str]) -> None:
    """Returns when Hautech works on some of them, and others have hardly begun."""
    stack.standin.set_options(durationSeconds=8)
    for number in range(_CUT_OFF):
        inputs: dict[str, Any] = request(stack, uris, "full-naomi")["input"]
        changes = {"requestId": f"cut-off-{number}", "input": inputs | {"seed": 100 + number}}
        stack.submit(request(stack, uris, "full-naomi", **changes))
    stack.wait_for(lambda: len(stack.standin.runs()) > _PIPELINES, deadline_s=_START_S)


def _check_nothing_is_lost(stack: LocalStack) -> str:
    events = events_of(stack, _CUT_OFF).values()
    subjects = {event.subject for event in events if event.data.status == "succeeded"}
    _expect(len(subjects) == _CUT_OFF, f"done with what the first one left: {subjects}")
    _expect(_paid(stack) == _PIPELINES + _CUT_OFF, f"not paid twice: {_paid(stack)} runs")
    stack.wait_for(lambda: in_queues(stack) == 0, deadline_s=_START_S)
    return f"the next worker finished all {_CUT_OFF}, each paid once; both queues are empty"


def _check_no_zombies(container: Container) -> str:
    processes = container.processes()
    zombies = [one for one in processes if one.status() == psutil.STATUS_ZOMBIE]
    _expect(not zombies, f"without zombies: {zombies}")
    return f"{len(processes)} process in the container after health checks, no zombie"


def _paid(stack: LocalStack) -> int:
    """The runs, each of them the only one of its step."""
    runs = runs_by_step(stack)
    _expect(set(runs.values()) <= {1}, f"paying once: {runs}")
    return sum(runs.values())


def _stop(container: Container) -> float:
    took_s = container.stop()
    _expect(container.exit_code == 0, f"ending with 0, not {container.exit_code}")
    return took_s


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ImageCheckError(f"the worker in the container is not {what}")
