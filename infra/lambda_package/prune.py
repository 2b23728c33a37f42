"""Takes out of the installed packages what no function reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from infra.lambda_package.errors import PackageError

SERVICES: Final = ("dynamodb", "s3", "secretsmanager", "sns", "sqs")
"""The models of botocore that are kept: those of `worker.adapters.aws.clients.Service`."""

NEVER_IMPORTED: Final = ("cffi", "pycparser")
"""Needed to build wheels of cryptography. At run time it takes `_cffi_backend` alone."""

_KEPT_OF_DIST_INFO: Final = ("METADATA", "licenses")
"""What is in the zip, for scanners (Amazon Inspector reads METADATA), and under which terms."""

_FILES: Final = ("*.pyi", "py.typed", "*.pyx", "*.pxd", "*.c", "*.h", ".lock")
_FOLDERS: Final = ("__pycache__", "tests")


def prune(packages: Path, *, services: Iterable[str] = SERVICES) -> None:
    """Removes commands, type stubs, sources in C, tests, and the models of all but these services.

    Raises:
        PackageError: something that is kept is not there, so a new version has moved it.
    """
    _remove([packages / "bin"])
    for name in NEVER_IMPORTED:
        _remove([packages / name, *packages.glob(f"{name}-*.dist-info")])
    for pattern in _FOLDERS:
        _remove(packages.rglob(pattern))
    for pattern in _FILES:
        _remove(packages.rglob(pattern))
    for info in packages.glob("*.dist-info"):
        _remove(member for member in info.iterdir() if member.name not in _KEPT_OF_DIST_INFO)
    cut_models(packages / "botocore" / "data", services)


def cut_models(data: Path, services: Iterable[str]) -> None:
    """Leaves botocore's own files, and the models of these services.

    Raises:
        PackageError: one of the services is not there.
    """
    kept = set(services)
    folders = {folder.name: folder for folder in data.iterdir() if folder.is_dir()}
    missing = kept - folders.keys()
    if missing:
        raise PackageError(f"botocore has no model of {', '.join(sorted(missing))} in {data}")
    _remove(folder for name, folder in folders.items() if name not in kept)


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
