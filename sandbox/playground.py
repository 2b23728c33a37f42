"""The service on this machine for as long as a person wants to play with it.

AWS (emulated), Hautech (a stand-in) and one real worker run until a signal comes. A file of
settings lets `hautech-worker` in any other terminal talk to them. Afterwards nothing is left; only
that file stays if we are killed, and the next run replaces it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from sandbox.aws import DeployError, EmulatorError
from sandbox.aws.ministack import free_loopback_port
from sandbox.envfile import EnvFile, InUseError, check_free
from sandbox.local import LocalStack, LocalStackError
from sandbox.samples import write_samples

_LOOK_EVERY_S = 0.5
Say = Callable[[str], None]


def run_playground(env_path: Path, *, pipeline_s: float, say: Say) -> int:
    """Runs until an exception from outside, such as Interrupted, ends it.

    Args:
        env_path: where the settings are written, secrets included.
        pipeline_s: how long the stand-in takes for every pipeline.
        say: tells a person what goes on; it is never given a secret.

    Returns:
        1 if something local did not work, 2 if the file cannot be written, or not without taking
        it from another sandbox.
    """
    try:
        check_free(env_path)
        say("starting AWS (emulated), Hautech (a stand-in) and a worker …")
        with LocalStack(workers=0, standin_options={"durationSeconds": pipeline_s}) as stack:
            try:
                _play(stack, env_path, pipeline_s, say)
            finally:
                say("stopping: the worker first, then AWS and Hautech …")
    except (EmulatorError, DeployError, LocalStackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except InUseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"error: cannot write {error.filename}: {error.strerror}", file=sys.stderr)
        return 2


def _play(stack: LocalStack, env_path: Path, pipeline_s: float, say: Say) -> NoReturn:
    health_port = free_loopback_port()
    stack.add_worker({"WORKER_HEALTH_HOST": "127.0.0.1", "WORKER_HEALTH_PORT": str(health_port)})
    with tempfile.TemporaryDirectory(prefix="hautech-sandbox-") as folder:
        samples = write_samples(Path(folder))
        photos = {
            "image": stack.upload(samples.garment, "garment.png"),
            "pose": stack.upload(samples.pose, "pose.png"),
        }
    stack.wait_until_receiving()
    check_free(env_path)  # another one may have started at the same time
    # Without a health port: a worker that is started by hand must not want that of ours.
    file = EnvFile(env_path, stack.worker_environment())
    try:
        for line in _welcome(stack, env_path, photos, health_port, pipeline_s):
            say(line)
        while True:
            stack.check()
            time.sleep(_LOOK_EVERY_S)
    finally:
        file.remove()


def _welcome(
    stack: LocalStack,
    env_path: Path,
    photos: Mapping[str, str],
    health_port: int,
    pipeline_s: float,
) -> list[str]:
    worker = _command()
    folder = "" if env_path.is_absolute() else "./"  # `.` looks a bare name up in PATH
    return [
        "",
        f"It runs. Every pipeline takes {pipeline_s:g} s, and nothing is paid.",
        "In another terminal, in this folder:",
        "",
        f"  . {folder}{env_path}",
        "",
        f"  {worker} submit \\",
        f"      --image {photos['image']} \\",
        f"      --pose {photos['pose']} \\",
        '      --aspect-ratio 7:10 --prompt "a woman in a teal jacket" --wait',
        f"  {worker} watch",
        f"  {worker} job ID          # the id that submit told",
        f"  {worker} doctor",
        "",
        "Photos of your own: --image jacket.jpg --pose standing.jpg. Another --seed, another",
        "picture. After the next `make sandbox` read its settings again: they are new.",
        "",
        f"  AWS     {stack.aws.endpoint_url}",
        f"  Hautech {stack.api_url}",
        f"  worker  http://127.0.0.1:{health_port}/healthz, /readyz and /metrics",
        "",
        f"The keys are in {env_path} and nowhere else. Ctrl-C stops everything and removes it.",
    ]


def _command() -> str:
    """How a shell in this folder finds the `hautech-worker` that belongs to this Python."""
    ours = Path(sys.executable).parent / "hautech-worker"
    found = shutil.which("hautech-worker")
    if found is not None and Path(found) == ours:
        return "hautech-worker"
    return os.path.relpath(ours) if ours.exists() else "hautech-worker"
