"""A copy of the repository that a mutant lives and dies in; the checkout itself is never touched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("worker", "sandbox", "tests", "bench", "infra", "docs", "pyproject.toml", "README.md")
_TIMEOUT_S = 170
_TEST_TIMEOUT_S = 60
"""A mutant that makes a test run for ever is noticed as well."""
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class CannotRunError(Exception):
    """The tests neither passed nor failed: nothing can be said about the mutant."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests said about a copy: the id of the first that failed, or None."""

    failed: str | None
    took_s: float


@contextmanager
def copy_of_the_repository() -> Iterator[Path]:
    """A copy with its compiled files, so that starting it costs little; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name)
            elif (ROOT / name).exists():
                shutil.copy2(ROOT / name, root / name)
        yield root


def run_tests(root: Path, tests: Sequence[str]) -> Verdict:
    """Runs tests of the copy until the first one fails.

    Raises CannotRunError when pytest finds no test, cannot import one, or does not end.
    """
    started_s = time.monotonic()
    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--timeout={_TEST_TIMEOUT_S}",
    ]
    command = [sys.executable, "-m", "pytest", *options, *tests]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"no end after {_TIMEOUT_S} s: {' '.join(tests)}") from error
    took_s = time.monotonic() - started_s
    if ended.returncode == 0:
        return Verdict(None, took_s)
    failed = _FAILED.search(ended.stdout)
    if ended.returncode != 1 or failed is None:
        raise CannotRunError(f"pytest ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return Verdict(failed[1], took_s)
