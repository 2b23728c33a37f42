"""A shell that sources the file has exactly its values, and nothing that contradicts them."""

import stat
import subprocess
from pathlib import Path

import pytest

from sandbox.envfile import EnvFile

HOSTILE = 'it\'s $(touch x) `y` "z" \\ \n end'


def sourced(path: Path, name: str, **before: str) -> str:
    script = f'. "{path}"; printf "%s." "${{{name}-unset}}"'
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=before, capture_output=True, text=True, check=True
    )
    return done.stdout.removesuffix(".")


def test_any_value_arrives_as_it_is_and_runs_nothing(tmp_path: Path) -> None:
    EnvFile(tmp_path / "env", {"KEY": HOSTILE})

    assert sourced(tmp_path / "env", "KEY") == HOSTILE


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_ENDPOINT_URL_SQS", "HAUTECH_API_TOKEN"])
def test_what_would_lead_elsewhere_is_unset(tmp_path: Path, name: str) -> None:
    EnvFile(tmp_path / "env", {"KEY": "value"})

    assert sourced(tmp_path / "env", name, **{name: "real"}) == "unset"


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("old")
    path.chmod(0o644)

    EnvFile(path, {"KEY": "value"})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sourced(path, "KEY") == "value"


def test_it_is_removed_with_its_folder_but_never_the_file_of_another_sandbox(
    tmp_path: Path,
) -> None:
    path = tmp_path / ".sandbox" / "env"
    first = EnvFile(path, {"KEY": "first"})
    second = EnvFile(path, {"KEY": "second"})

    first.remove()
    assert path.exists()
    second.remove()

    assert not path.parent.exists()
