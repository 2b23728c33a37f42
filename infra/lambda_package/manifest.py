"""`worker/package.json` in the zip: which worker this is, and what it was made for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

from infra.lambda_package.target import Target
from worker import __version__

MANIFEST: Final = Path("worker", "package.json")


def write_manifest(
    folder: Path, target: Target, *, commit: str | None, compiler: str | None
) -> None:
    """Writes it into a folder that has `worker/`.

    Args:
        folder: what is going to be packed.
        target: what it is made for.
        commit: of the sources; None where there is no repository.
        compiler: full version of the Python that compiled the modules; None if none did.
    """
    manifest = {
        "version": __version__,
        "commit": commit,
        "python": target.python,
        "architecture": target.architecture,
        "compiledBy": compiler,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def commit_of(root: Path) -> str | None:
    """The commit that is checked out, with `-dirty` behind it when files have been changed.

    None when the folder is not the top of a repository, or git is not there.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return None
    return _git(root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        told = subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip() or None
