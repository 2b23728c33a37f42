"""The steps that make the package for Lambda, each alone, without installing anything."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import get_args

import pytest

from infra.lambda_package import interpreters
from infra.lambda_package.archive import write_zip
from infra.lambda_package.build import REQUIREMENTS, ROOT
from infra.lambda_package.bytecode import byte_compile
from infra.lambda_package.errors import PackageError
from infra.lambda_package.manifest import MANIFEST, commit_of, write_manifest
from infra.lambda_package.prune import SERVICES, cut_models, prune
from infra.lambda_package.sources import ENTRY_MODULE, copy_modules, imported_by
from infra.lambda_package.target import target_of
from tests.unit.infra.botocore_data import write_data
from worker import __version__
from worker.adapters.aws.clients import Service

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_package_is_for_lambda_on_arm_unless_told_otherwise():
    target = target_of("arm64", None)

    assert target.platform == "aarch64-manylinux_2_28"
    assert target.file_name == "hautech-worker-arm64-py3.13.zip"


def test_a_native_package_is_for_this_python():
    target = target_of("native", None)

    assert target.platform is None
    assert target.file_name == f"hautech-worker-native-py{HERE}.zip"


@pytest.mark.parametrize(
    ("architecture", "python", "named"),
    [
        ("sparc", None, "arm64, x86_64, native"),
        ("arm64", "3", "not a version"),
        ("arm64", "3.11", "too old"),
        ("native", "3.99", f"which is {HERE}"),
    ],
)
def test_a_target_that_cannot_run_is_refused_with_what_can(architecture, python, named):
    with pytest.raises(PackageError, match=named):
        target_of(architecture, python)


def test_nobody_looks_for_an_interpreter_that_does_not_run(tmp_path, monkeypatch):
    shim = tmp_path / "python3.99"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path))

    with pytest.raises(PackageError, match=r"uv python install 3\.99.*PYCS=no"):
        interpreters.find_interpreter("3.99")


def test_an_interpreter_that_pyenv_installed_is_found(tmp_path, monkeypatch):
    installed = tmp_path / "versions" / "3.99.1" / "bin" / "python3.99"
    installed.parent.mkdir(parents=True)
    installed.write_text("#!/bin/sh\necho 3.99 3.99.1\n")
    installed.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    assert interpreters.find_interpreter("3.99") == (installed, "3.99.1")


def test_what_no_function_reads_is_taken_out(tmp_path):
    write_data(tmp_path / "botocore" / "data", (*SERVICES, "ec2"))
    dropped = [
        "bin/tool",
        "pkg/__pycache__/a.pyc",
        "pkg/a.pyi",
        "pkg/tests/test_a.py",
        "cffi/api.py",
        "cffi-2.1.dist-info/METADATA",
        "pkg-1.dist-info/RECORD",
        ".lock",
    ]
    kept = ["pkg/a.py", "pkg-1.dist-info/METADATA", "pkg-1.dist-info/licenses/LICENSE"]
    for name in dropped + kept:
        _write(tmp_path, name)

    prune(tmp_path)

    kept += ["botocore/data/endpoints.json"]
    models = [f"botocore/data/{name}/2020-01-01/service-2.json.gz" for name in SERVICES]
    assert _files(tmp_path) == sorted(kept + models)
    endpoints = json.loads((tmp_path / "botocore/data/endpoints.json").read_text())
    assert sorted(endpoints["partitions"][0]["services"]) == sorted(SERVICES)


def test_the_models_that_are_kept_are_those_of_our_clients():
    assert sorted(SERVICES) == sorted(get_args(Service))


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PackageError, match="no model of s3"):
        cut_models(tmp_path, ["s3"])


def test_the_functions_import_exactly_what_the_group_lambda_declares():
    """A line too few fails on Lambda; a line too many makes every cold start longer."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    declared = groups["dependency-groups"]["lambda"]
    distributions = packages_distributions()
    packages = imported_by(ENTRY_MODULE).packages
    imported = {distributions[name][0].lower().replace("_", "-") for name in packages}

    # pydantic brings pydantic-core in the one version that it works with.
    assert imported - {"pydantic-core"} == set(declared)


def test_the_functions_import_nothing_of_the_command_line_or_the_container():
    modules = imported_by(ENTRY_MODULE).modules

    assert "worker.engine.submit" in modules
    assert "worker.adapters.aws.clients" in modules
    for foreign in ("cli", "commands", "container", "health", "metrics", "process"):
        assert f"worker.runtime.{foreign}" not in modules
    assert not any(name.startswith("worker.adapters.memory") for name in modules)


def test_both_locks_have_the_same_versions():
    runtime = _pins(ROOT / "requirements" / "runtime.txt")

    assert _pins(REQUIREMENTS) <= runtime


def test_a_module_is_copied_with_the_packages_it_is_in(tmp_path):
    copy_modules(ROOT, tmp_path, frozenset({"worker", "worker.engine", "worker.engine.submit"}))

    assert _files(tmp_path) == [
        "worker/__init__.py",
        "worker/engine/__init__.py",
        "worker/engine/submit.py",
    ]


def test_a_zip_depends_on_nothing_but_names_and_contents(tmp_path):
    made = []
    for name, umask, age_s in (("one", 0o022, 0), ("another", 0o077, 1_000_000)):
        old = os.umask(umask)
        try:
            folder = tmp_path / name
            for file in ("b/c.py", "a.py") if age_s else ("a.py", "b/c.py"):
                _write(folder, file, "x = 1\n" * 100)
                os.utime(folder / file, (2e9 - age_s, 2e9 - age_s))
            write_zip(folder, tmp_path / f"{name}.zip")
        finally:
            os.umask(old)
        made.append((tmp_path / f"{name}.zip").read_bytes())

    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["a.py", "b/c.py"]
        modes = {entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {0o644}  # Lambda's user owns none of the files


def test_a_module_is_compiled_to_the_same_bytes_wherever_it_lies(tmp_path):
    made = []
    for name in ("one", "another/folder"):
        folder = tmp_path / name
        _write(folder, "a.py", "NAMES = frozenset({'x', 'y', 'z', 'zz'})\nA = 'x' in {'x', 'q'}\n")
        byte_compile(folder, Path(sys.executable))
        (compiled,) = folder.rglob("*.pyc")
        made.append(compiled.read_bytes())

    assert made[0] == made[1]
    unchecked_hash = (0b01).to_bytes(4, "little")
    assert made[0][4:8] == unchecked_hash  # Source: PEP 552
    assert b"/var/task/a.py" in made[0]


def test_a_module_that_does_not_compile_is_named(tmp_path):
    _write(tmp_path, "broken.py", "def")

    with pytest.raises(PackageError, match=r"broken\.py"):
        byte_compile(tmp_path, Path(sys.executable))


def test_the_manifest_says_what_this_is(tmp_path):
    (tmp_path / "worker").mkdir()

    write_manifest(tmp_path, target_of("arm64", "3.13"), commit="abc", compiler="3.13.0")

    assert json.loads((tmp_path / MANIFEST).read_text()) == {
        "version": __version__,
        "commit": "abc",
        "python": "3.13",
        "architecture": "arm64",
        "compiledBy": "3.13.0",
    }


def test_changed_files_show_in_the_commit(tmp_path):
    def git(*arguments):
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", tmp_path, *name, *arguments], check=True, capture_output=True)

    assert commit_of(tmp_path) is None
    git("init")
    _write(tmp_path, "a.txt")
    git("add", "a.txt")
    git("commit", "-m", "a")
    clean = commit_of(tmp_path)
    _write(tmp_path, "a.txt", "changed")

    assert clean
    assert len(clean) == 40
    assert commit_of(tmp_path) == f"{clean}-dirty"
    (tmp_path / "inside").mkdir()
    assert commit_of(tmp_path / "inside") is None  # some other project's repository


def _write(folder, name, text=""):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def _pins(lock):
    lines = lock.read_text(encoding="utf-8").splitlines()
    return {line.partition(" ")[0] for line in lines if "==" in line}
