"""Makes a package: the steps in their order, in a folder that is thrown away."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.lambda_package.archive import write_zip
from infra.lambda_package.bytecode import byte_compile
from infra.lambda_package.install import install_packages
from infra.lambda_package.interpreters import find_interpreter
from infra.lambda_package.manifest import commit_of, write_manifest
from infra.lambda_package.prune import prune
from infra.lambda_package.sources import ENTRY_MODULE, copy_modules, imported_by
from infra.lambda_package.target import Target

ROOT: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = ROOT / "requirements" / "lambda.txt"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was made.

    Attributes:
        path: the zip.
        size_bytes: of it.
        unpacked_bytes: of all files in it.
        sha256: of the zip, in hex.
    """

    path: Path
    size_bytes: int
    unpacked_bytes: int
    sha256: str


def build_package(target: Target, out: Path, *, compiled: bool = True) -> Package:
    """Makes the zip for a target in the folder `out`, in place of the one that was there.

    Raises:
        PackageError: it could not be made; says what to change. The old one stays.
    """
    interpreter, version = find_interpreter(target.python) if compiled else (None, None)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".package-") as scratch:
        folder = Path(scratch, "content")
        fill(folder, target, interpreter=interpreter, compiler=version)
        unpacked_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        made = Path(scratch, target.file_name)
        write_zip(folder, made)
        path = made.replace(out / target.file_name)
    content = path.read_bytes()
    return Package(path, len(content), unpacked_bytes, hashlib.sha256(content).hexdigest())


def fill(folder: Path, target: Target, *, interpreter: Path | None, compiler: str | None) -> None:
    """Puts into a new folder what the zip will hold."""
    folder.mkdir()
    install_packages(REQUIREMENTS, folder, target)
    prune(folder)
    copy_modules(ROOT, folder, imported_by(ENTRY_MODULE).modules)
    write_manifest(folder, target, commit=commit_of(ROOT), compiler=compiler)
    if interpreter is not None:
        byte_compile(folder, interpreter)
