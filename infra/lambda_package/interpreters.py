"""Finds an interpreter of a given version: byte code can be made by its own version only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.lambda_package.errors import PackageError

_ASK = "import sys, platform; print('%d.%d' % sys.version_info[:2], platform.python_version())"


def find_interpreter(python: str) -> tuple[Path, str]:
    """An interpreter of version `python` (3.13, say) and its full version (3.13.0).

    Looked for: the one that runs this, `python3.13` on the PATH, what pyenv and uv installed. Each
    is tried, since a shim on the PATH may exist and still not run.

    Raises:
        PackageError: there is none; says how to get one.
    """
    for candidate in _candidates(python):
        version = _version(candidate, python)
        if version:
            return candidate, version
    raise PackageError(
        f"no Python {python} on this machine to byte-compile with. Install one (uv python install "
        f"{python}, or your system's package), or say PYCS=no: the package then works as well, but "
        "compiles itself at every cold start"
    )


def _candidates(python: str) -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in os.get_exec_path():
        yield Path(folder) / f"python{python}"
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    yield from sorted(pyenv.glob(f"{python}.*/bin/python{python}"), reverse=True)
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    yield from sorted(managed.glob(f"cpython-{python}.*/bin/python{python}"), reverse=True)


def _version(candidate: Path, python: str) -> str | None:
    if not candidate.is_file():
        return None
    try:
        told = subprocess.run(
            [candidate, "-c", _ASK], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    short, _, full = told.stdout.strip().partition(" ")
    return full if short == python else None
