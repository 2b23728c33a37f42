"""Byte-compiles a folder, so that a cold start does not have to.

A function's file system is read-only, so what Python compiles at a cold start is lost and compiled
again at the next one. The files are marked as unchecked: Python does not look at the sources beside
them, which stay for stack traces (Source: PEP 552).
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from infra.lambda_package.errors import PackageError

TASK_ROOT: Final = "/var/task"
"""Where Lambda unpacks a zip."""


def byte_compile(folder: Path, interpreter: Path) -> None:
    """Compiles all modules of a folder with an interpreter of the version that will run them.

    The same modules give the same bytes: they are compiled in the order of their names by one
    process with a fixed hash seed (what is written depends on what was interned before), and
    carry Lambda's path instead of this folder's.

    Raises:
        PackageError: a module could not be compiled.
    """
    command: list[str | Path] = [interpreter, "-S", "-P", "-m", "compileall", "-q", "-f", "-j", "1"]
    command += ["--invalidation-mode", "unchecked-hash", "-s", folder, "-p", TASK_ROOT, folder]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": "0"}
    )
    if done.returncode:
        raise PackageError(f"not all modules could be compiled:\n{done.stdout}{done.stderr}")
