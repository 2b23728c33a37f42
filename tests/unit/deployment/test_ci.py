"""What CI runs where Node.js is, and where it is not."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.deployment.osls import ROOT

MAKE = """#!/bin/sh
# Notes what it is asked for, and fails at what it is told to fail at.
for target in "$@"; do :; done
echo "$target CI=$CI" >>"$ASKED"
[ "$target" != "$FAILS" ]
"""


def ci(folder: Path, *, fails: str = "") -> tuple[list[str], subprocess.CompletedProcess[str]]:
    """What it makes, in that order, where making one thing fails; and how it ends."""
    make, asked = folder / "make", folder / "asked"
    make.write_text(MAKE)
    make.chmod(0o755)
    asked.touch()
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "ASKED": str(asked), "FAILS": fails}
    ended = subprocess.run(
        ["bash", ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False
    )
    return asked.read_text().splitlines(), ended


def test_ci_deploys_and_ends_with_the_tests(tmp_path: Path) -> None:
    made, ended = ci(tmp_path)
    assert ended.returncode == 0
    assert made[-2:] == ["test-deploy CI=true", "test CI="]
    assert "NOT RUN" not in ended.stdout


def test_ci_without_node_says_so_and_runs_the_rest(tmp_path: Path) -> None:
    made, ended = ci(tmp_path, fails="node")
    assert ended.returncode == 0
    assert "NOT RUN: make test-deploy" in ended.stdout
    assert made == ["lint CI=", "check-infra CI=", "node CI=", "test CI="]


@pytest.mark.parametrize("target", ["lint", "check-infra", "test-deploy", "test"])
def test_ci_fails_with_whatever_fails(tmp_path: Path, target: str) -> None:
    made, ended = ci(tmp_path, fails=target)
    assert ended.returncode != 0
    assert made[-1].startswith(f"{target} ")


def test_make_says_what_node_it_needs_where_there_is_none(tmp_path: Path) -> None:
    for tool in ("sh", "make"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    ended = subprocess.run(
        [tmp_path / "make", "node", "PYTHON=none"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "needs npm (Node.js 20.19 or newer)" in ended.stdout
