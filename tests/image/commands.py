"""Runs the tools that build and run images, and says which are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

TOOLS: Final = ("buildah", "podman", "runc")
BASE_TOOLS: Final = ("debootstrap",)
"""Needed only to make a base in place of one from a registry."""

_LINES_SHOWN: Final = 30


class ImageCheckError(Exception):
    """Something did not do its part, or a promise of an image does not hold; says which."""


def require_tools(*, with_base: bool) -> None:
    """Raises ImageCheckError that names everything that is missing, and how to get it."""
    wanted = TOOLS + (BASE_TOOLS if with_base else ())
    missing = [name for name in wanted if shutil.which(name) is None]
    if missing:
        names = " ".join(missing)
        raise ImageCheckError(f"not installed: {names} (Debian: apt-get install {names})")
    if os.geteuid() != 0:
        raise ImageCheckError("building without a daemon needs root here: run it as root")


def run(command: Sequence[str | Path], *, deadline_s: float = 300, cwd: Path | None = None) -> str:
    """The stdout of a command.

    Raises:
        ImageCheckError: it failed; the message has its last lines.
    """
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=deadline_s, cwd=cwd
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-_LINES_SHOWN:])
        raise ImageCheckError(f"{Path(command[0]).name} ended with {done.returncode}:\n{said}")
    return done.stdout
