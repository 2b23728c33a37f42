"""A stand-in for `python:3.13-slim` where no registry of images can be reached.

Debian's own Python 3.13 in its smallest system. It is not the official image: what is checked on it
is what the Dockerfile adds, not that base.
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path
from typing import Final

from tests.image.commands import run
from tests.image.images import Images

NAME: Final = "localhost/python:3.13-slim"
_SUITE: Final = "trixie"
_PACKAGES: Final = "ca-certificates,python3,python3-venv"
_BOOTSTRAP_DEADLINE_S: Final = 900
_CERTIFICATES: Final = Path("etc/ssl/certs/ca-certificates.crt")
_DOCKERFILE: Final = "FROM scratch\nADD base.tar /\n"


def make_base(images: Images, folder: Path, *, ca_bundle: Path | None) -> str:
    """Makes the base, from what an earlier run left in the folder if there is something.

    Args:
        images: where to put it.
        folder: where to keep the system for the next run.
        ca_bundle: certificates to trust in place of Debian's, for a network whose proxy reads along.

    Returns:
        Its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / "base.tar"
    if not archive.exists():
        _bootstrap(folder / "root", archive, ca_bundle)
    (folder / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    images.build(folder, NAME)
    return NAME


def _bootstrap(root: Path, archive: Path, ca_bundle: Path | None) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root)]
    run(command, deadline_s=_BOOTSTRAP_DEADLINE_S)
    for leftover in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / leftover)
    if ca_bundle is not None:
        shutil.copyfile(ca_bundle, root / _CERTIFICATES)
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{_CERTIFICATES}\n")
    unfinished = archive.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as tar:
        tar.add(root, arcname=".")
    unfinished.replace(archive)
    shutil.rmtree(root)
