"""Checks which worker the functions run: the same zip in all, for their machine, of this release."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

import requests

from worker import __version__
from worker.errors import WorkerError
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.check_functions import Configuration
from worker.runtime.commands.findings import Finding, findings_of

AREA: Final = "Code"

MANIFEST: Final = "worker/package.json"
"""In the zip; `make package` writes it."""

_MOST_BYTES: Final = 256 * 1024 * 1024
"""No function's code is larger. (Source: Lambda guide, quotas.)"""
_IN_MEMORY_BYTES: Final = 16 * 1024 * 1024
_TIMEOUTS_S: Final = (5, 30)


def check_package(aws: Aws, found: Mapping[str, Configuration]) -> Iterator[Finding]:
    """One zip for all functions, and what its manifest says."""
    hashes = {name: str(function.get("CodeSha256", "")) for name, function in found.items()}
    if len(set(hashes.values())) > 1:
        which = ", ".join(f"{name} {sha[:8]}" for name, sha in hashes.items())
        said = (
            f"the functions do not run the same code ({which}): an update did not come to its end"
        )
        yield Finding(AREA, "package", "failed", said, "deploy again")
    for function in found.values():
        if function.get("PackageType", "Zip") == "Zip":
            yield from findings_of(AREA, "package", partial(_manifest, aws, function))
            return


def _manifest(aws: Aws, function: Configuration) -> Iterator[Finding]:
    name = function["FunctionName"]
    answer = aws.ask("lambda:GetFunction", f"function {name}", FunctionName=name)
    manifest = read_manifest(str(answer.get("Code", {}).get("Location", "")))
    if manifest is None:
        said = f"its zip has no {MANIFEST}: it was not made by `make package`"
        yield Finding(AREA, "package", "warning", said, "deploy with `make deploy`")
        return
    version, commit = manifest.get("version"), str(manifest.get("commit") or "no commit")
    said = f"version {version}, {commit[:12]}{'-dirty' if commit.endswith('-dirty') else ''}"
    if version == __version__:
        yield Finding(AREA, "package", "ok", said)
    else:
        fix = f"check out what is deployed, or deploy {__version__}: `make deploy`"
        yield Finding(AREA, "package", "warning", f"{said}; this is {__version__}", fix)
    machine = (function.get("Architectures") or ["x86_64"])[0]
    python = str(function.get("Runtime", "")).removeprefix("python")
    if (manifest.get("architecture"), manifest.get("python")) != (machine, python):
        said = (
            f"made for Python {manifest.get('python')} on {manifest.get('architecture')}, and the "
            f"function has Python {python} on {machine}: compiled parts cannot be loaded"
        )
        fix = f"make package ARCH={machine} PY={python}, and deploy that"
        yield Finding(AREA, "package", "failed", said, fix)


def read_manifest(url: str) -> dict[str, Any] | None:
    """The manifest in a zip that Lambda gave the signed address of; None if there is none.

    Raises:
        WorkerError: it cannot be fetched or read. The address is never named: it is a key.
    """
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        try:
            _fetch(url, file)
            with zipfile.ZipFile(file) as archive:
                manifest = json.loads(archive.read(MANIFEST))
        except KeyError:
            return None
        except (requests.RequestException, zipfile.BadZipFile, ValueError) as error:
            # Without the cause: its text has the address.
            raise WorkerError(f"the zip could not be read: {type(error).__name__}") from None
    return manifest if isinstance(manifest, dict) else None


def _fetch(url: str, file: IO[bytes]) -> None:
    with requests.get(url, stream=True, timeout=_TIMEOUTS_S) as answer:
        answer.raise_for_status()
        got = 0
        for part in answer.iter_content(1 << 20):
            got += len(part)
            if got > _MOST_BYTES:
                raise WorkerError("the zip could not be read: it is larger than Lambda allows")
            file.write(part)
