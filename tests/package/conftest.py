"""One package for this machine, made once and unpacked, for all tests that look into it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.lambda_package.build import ROOT
from infra.lambda_package.target import target_of


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The zip."""
    return make_package(ROOT, tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def unpacked(package, tmp_path_factory):
    """What is in it."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


def make_package(root: Path, out: Path, *, umask: int = 0o022) -> Path:
    """Makes one from the sources in `root`."""
    command = [sys.executable, "-m", "infra.lambda_package", "--arch", "native", "--out", str(out)]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=False, umask=umask
    )
    assert done.returncode == 0, done.stderr
    return out / target_of("native", None).file_name
