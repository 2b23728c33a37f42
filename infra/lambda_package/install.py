"""Installs what the functions import, pinned and checked by hash, for another platform if need be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from infra.lambda_package.errors import PackageError
from infra.lambda_package.target import Target


def install_packages(requirements: Path, into: Path, target: Target) -> None:
    """Puts the wheels of a lock file into a folder.

    Raises:
        PackageError: uv is not there, or could not install them; says what it said.
    """
    uv = Path(sys.executable).with_name("uv")
    # Wheels only: what a source distribution builds is for this machine, and different each time.
    command: list[str | Path] = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--target",
        into,
        "--only-binary",
        ":all:",
    ]
    command += ["--require-hashes", "--requirement", requirements, "--link-mode", "copy"]
    command += ["--python", sys.executable, "--no-compile-bytecode"]
    if target.platform:
        command += ["--python-platform", target.platform, "--python-version", target.python]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise PackageError(f"{uv} is not there; make setup installs it") from error
    if done.returncode:
        raise PackageError(f"the packages could not be installed:\n{done.stderr.strip()}")
