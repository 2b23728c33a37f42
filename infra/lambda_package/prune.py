"""Takes out of the installed packages what no function reads."""

from __future__ import annotations

import gzip
import json
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
    """Removes commands, type stubs, sources in C, tests, and what is known of all but these services.

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
    cut_endpoints(packages / "botocore" / "data")


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


def cut_endpoints(data: Path) -> None:
    """Leaves in `endpoints.json` what it says of the services whose models are there.

    botocore reads all of it for its first client: 1.2 MB about 300 services.

    Raises:
        PackageError: the file, or a model, is not what it was in botocore so far.
    """
    try:
        kept = {_endpoint_prefix(model) for model in data.glob("*/*/service-2.json.gz")}
        endpoints = json.loads((data / "endpoints.json").read_bytes())
        for partition in endpoints["partitions"]:
            services = partition["services"]
            partition["services"] = {name: services[name] for name in services if name in kept}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PackageError(f"botocore's endpoints have changed in {data}: {error!r}") from error
    text = json.dumps(endpoints, separators=(",", ":"))
    (data / "endpoints.json").write_text(text, encoding="utf-8")


def _endpoint_prefix(model: Path) -> str:
    """The name that a service has among the endpoints; of most it is the one of its folder."""
    prefix: str = json.loads(gzip.decompress(model.read_bytes()))["metadata"]["endpointPrefix"]
    return prefix


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
