"""The whole package is the same, byte for byte, wherever and whenever it is made."""

import os
import shutil
import zipfile

import pytest

from infra.lambda_package.build import ROOT
from infra.lambda_package.manifest import MANIFEST
from tests.package.conftest import make_package

_SOURCES = ("worker", "infra", "requirements", "pyproject.toml")


@pytest.mark.timeout(300)
def test_other_folders_times_and_permissions_give_the_same_bytes(package, tmp_path):
    elsewhere = _copy(tmp_path / "somewhere" / "else")

    again = make_package(elsewhere, tmp_path / "out", umask=0o077)

    assert _entries(again) == _entries(package)


def _copy(into):
    into.mkdir(parents=True)
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, into / name)
    for path in into.rglob("*"):
        os.utime(path, (1e9, 1e9))
    return into


def _entries(package):
    """All that makes the bytes of a zip, in its order; the copy has no commit for its manifest."""
    with zipfile.ZipFile(package) as archive:
        return [
            (e.filename, e.CRC, e.compress_size, e.external_attr, e.date_time, e.extra)
            for e in archive.infolist()
            if e.filename != MANIFEST.as_posix()
        ]
