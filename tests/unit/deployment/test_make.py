"""`make` passes on what was meant: nothing is removed because a variable is set at all."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.deployment.osls import ROOT


def commands(*words: str) -> str:
    """What make would run."""
    command = ["make", "-n", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("command", ["undeploy", "undeploy-container"])
def test_the_resources_go_with_resources_1_alone(command: str) -> None:
    assert "--resources" in commands(command, "RESOURCES=1")
    for given in ("RESOURCES=0", "RESOURCES=no", "RESOURCES="):
        assert "--resources" not in commands(command, given)
    assert "--resources" not in commands(command)


@pytest.mark.parametrize("command", ["deploy", "secret", "undeploy", "deploy-container"])
def test_an_empty_stage_is_an_error_and_not_dev(command: str) -> None:
    words = ["make", "-n", command, "STAGE="]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "STAGE is empty" in ended.stderr
    assert "infra.deployment" not in ended.stdout
    assert "--stage 'prod'" in commands(command, "STAGE=prod")


def test_the_preflight_looks_at_all_parameters_that_are_deployed() -> None:
    given = ("PARAMS=a=1", "RESOURCE_PARAMS=b=2", "MONITORING_PARAMS=c=3")
    told = commands("deploy", *given)

    for line in told.splitlines():
        if "infra.deployment" in line:
            assert "--params 'a=1' --resource-params 'b=2'" in line
            assert "--monitoring-params 'c=3'" in line
    assert told.count("infra.deployment") == 2


def test_without_npm_nobody_is_asked_for_a_token(tmp_path: Path) -> None:
    make, called = shutil.which("make"), tmp_path / "called"
    assert make is not None
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    python = binaries / "python"
    python.write_text(f"#!/bin/sh\ntouch '{called}'\n", encoding="utf-8")
    python.chmod(0o755)
    (tmp_path / "venv" / ".ready").touch()

    ended = subprocess.run(
        [make, "deploy", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode != 0
    assert "Deploying needs npm" in ended.stdout
    assert not called.exists()
