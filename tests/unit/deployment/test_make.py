"""`make` passes on what was meant: nothing is removed because a variable is set at all."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.deployment.osls import ROOT


def commands(*words: str) -> str:
    """What make would run."""
    command = ["make", "-n", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def make_with(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What comes of it when these are in the environment, and it may fail."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", "-n", *words],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["undeploy", "undeploy-container"])
def test_the_resources_go_with_resources_1_alone(command: str) -> None:
    for given in ("RESOURCES=1", "RESOURCES=yes", "RESOURCES=true"):
        assert "--resources" in commands(command, given)
    for given in ("RESOURCES=0", "RESOURCES=no", "RESOURCES="):
        assert "--resources" not in commands(command, given)
    assert "--resources" not in commands(command)


@pytest.mark.parametrize("command", ["undeploy", "undeploy-container"])
def test_what_is_neither_yes_nor_no_is_refused(command: str) -> None:
    for given in ("RESOURCES=all", "FORCE=please"):
        ended = make_with(command, given)
        assert ended.returncode != 0
        assert f"{given}: must be 1, or nothing" in ended.stderr


def test_what_is_lost_for_good_is_said_on_the_command_line_alone() -> None:
    assert "--force" in commands("undeploy", "RESOURCES=1", "FORCE=1")
    assert "--force" not in make_with("undeploy", "RESOURCES=1", FORCE="1").stdout
    assert "--force" not in commands("undeploy", "RESOURCES=1", "FORCE=0")


@pytest.mark.parametrize("command", ["deploy", "secret", "undeploy", "deploy-container"])
def test_an_empty_stage_of_the_environment_is_an_error_too(command: str) -> None:
    ended = make_with(command, STAGE="")

    assert ended.returncode != 0
    assert "STAGE is empty" in ended.stderr
    assert "--stage 'prod'" in make_with(command, STAGE="prod").stdout


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
    assert "--monitoring-params 'c=3'" in commands("deploy-container", *given)


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


def test_once_is_yes_or_no() -> None:
    for given in ("ONCE=1", "ONCE=yes", "ONCE=true"):
        assert "--once" in commands("demo-drop", given)
    for given in ("ONCE=0", "ONCE=", "FOLDER=x"):
        assert "--once" not in commands("demo-drop", given)
    assert "ONCE=2: must be 1, or nothing" in make_with("demo-drop", "ONCE=2").stderr


def test_the_help_fits_a_terminal_of_80_columns() -> None:
    command = ["make", "help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "make undeploy-container remove the service" in told
    assert max(len(line) for line in told.splitlines()) < 80


def test_an_interrupted_set_up_is_made_anew(tmp_path: Path) -> None:
    """Ctrl-C in the first set-up leaves an interpreter that runs, and no pip."""
    half = tmp_path / ".venv/bin/python"
    half.parent.mkdir(parents=True)
    half.write_text("#!/bin/sh\nexit 0\n")
    half.chmod(0o755)
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$@" >> made\nexit 7\n')
    python.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/installer.txt", "requirements/dev.txt", "pyproject.toml"):
        (tmp_path / name).touch()

    command = ["make", "-C", str(tmp_path), f"PYTHON={python}", ".venv/.ready"]
    subprocess.run(command, capture_output=True, text=True, check=False)

    assert "-m venv --clear .venv" in (tmp_path / "made").read_text()
