"""What can be said of the images without building them."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass

import pytest
from pathspec import PathSpec

import worker
from tests.unit.docs.pages import ROOT, read
from worker.runtime import aws_lambda

SHIPPED = ("base", "lambda", "worker")
"""The stages that end in an image; the others are thrown away."""


@dataclass(frozen=True, slots=True)
class Instruction:
    stage: str
    word: str
    rest: str


def instructions() -> list[Instruction]:
    text = re.sub(r"^\s*#.*\n", "", read("Dockerfile"), flags=re.MULTILINE)
    found, stage = [], ""
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stage = rest.split()[-1]
        if word:
            found.append(Instruction(stage, word, " ".join(rest.split())))
    return found


def all_of(word: str, *stages: str) -> list[str]:
    return [
        one.rest
        for one in instructions()
        if one.word == word and (not stages or one.stage in stages)
    ]


def copied() -> list[tuple[list[str], str]]:
    """Sources and place of every COPY from the repository."""
    ours = [rest.split() for rest in all_of("COPY") if not rest.startswith("--from")]
    return [(words[:-1], words[-1]) for words in ours]


def let_through(path: str) -> bool:
    """Whether a file reaches the build. Docker takes the last pattern that matches, as git does."""
    patterns = PathSpec.from_lines("gitignore", read(".dockerignore").splitlines())
    return not patterns.match_file(path)


def files_of(source: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", source],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def test_everything_that_is_copied_is_there_and_reaches_the_build():
    sources = [source for sources, _ in copied() for source in sources]

    assert {"worker", "requirements/runtime.txt", "pyproject.toml"} <= {*sources}
    for source in sources:
        files = files_of(source)
        assert files, f"{source} is not there"
        assert [path for path in files if not let_through(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".sandbox/env",
        ".venv/bin/python",
        "worker/__pycache__/ports.cpython-313.pyc",
        "demo-output/one.png",
        "tests/conftest.py",
    ],
)
def test_nothing_else_reaches_it(path):
    assert not let_through(path)


def test_what_runs_in_the_base_image_needs_nothing_but_the_files_copied_before(tmp_path):
    for sources, place in copied():
        if place.startswith("infra"):
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            for source in sources:
                shutil.copy(ROOT / source, tmp_path / place)
    # -S: without the packages of this environment.
    command = [sys.executable, "-S", "-c", "import infra.image.trim"]

    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0


def test_the_base_is_an_argument_and_has_the_python_of_the_functions():
    first = instructions()[0]

    assert (first.word, first.rest) == ("ARG", "BASE_IMAGE=python:3.13-slim")
    own = {one.stage for one in instructions()}
    for origin in all_of("FROM"):
        assert origin.split()[0] in {"${BASE_IMAGE}", *own}


def test_nobody_is_root_and_the_user_is_a_number():
    (user,) = all_of("USER", *SHIPPED)

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_no_shell_stands_between_the_runtime_and_the_worker():
    commands = all_of("CMD", *SHIPPED) + all_of("ENTRYPOINT", *SHIPPED)
    commands += [rest.partition(" CMD ")[2] for rest in all_of("HEALTHCHECK")]

    assert len(commands) == 4
    for command in commands:
        assert all(isinstance(word, str) for word in json.loads(command))


def test_nothing_is_executed_in_the_stages_that_ship():
    """What they hold was made in other stages: no tool is left, and no layer hides a file."""
    assert all_of("RUN", *SHIPPED) == []


def test_nothing_is_installed_whose_hash_is_not_known():
    installs = [part for rest in all_of("RUN") for part in rest.split("&&") if " install " in part]

    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
    (wheel,) = [part for rest in all_of("RUN") for part in rest.split("&&") if " wheel " in part]
    assert {"--no-build-isolation", "--no-deps"} <= {*wheel.split()}


def test_the_labels_say_the_version_and_the_licence_of_the_project():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    (labels,) = all_of("LABEL")

    assert f"VERSION={worker.__version__}" in all_of("ARG")
    assert 'image.version="${VERSION}"' in labels
    assert f'image.licenses="{project["license"]}"' in labels
    assert f'image.title="{project["name"]}"' in labels


def test_the_handler_of_the_image_for_lambda_is_there():
    (command,) = all_of("CMD", "lambda")
    module, _, name = json.loads(command)[0].rpartition(".")

    assert module == aws_lambda.__name__
    assert callable(getattr(aws_lambda, name))


def pins(path: str) -> set[str]:
    return set(re.findall(r"^[\w.-]+==[\w.-]+", read(path), flags=re.MULTILINE))


def test_the_image_for_lambda_has_what_the_zip_has_and_what_fetches_the_events():
    more = pins("requirements/lambda-image.txt") - pins("requirements/lambda.txt")

    assert pins("requirements/lambda.txt") < pins("requirements/lambda-image.txt")
    assert {one.partition("==")[0] for one in more} == {
        "awslambdaric",
        "simplejson",
        "snapshot-restore-py",
    }


def test_the_worker_starts_no_process_that_it_would_have_to_reap():
    """It is process 1, and children that end are its own to ask for."""
    starters = re.compile(
        r"\b(?:import|from) (?:subprocess|multiprocessing)"
        r"|\bProcessPoolExecutor|\bos\.(?:fork|spawn|posix_spawn|system|popen)"
    )
    modules = list((ROOT / "worker").rglob("*.py"))

    assert len(modules) > 100
    found = [path.name for path in modules if starters.search(path.read_text(encoding="utf-8"))]
    assert found == []
