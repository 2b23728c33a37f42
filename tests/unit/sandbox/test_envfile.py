"""A shell that sources the file has exactly its values, and nothing that contradicts them."""

import socket
import stat
import subprocess
from pathlib import Path

import pytest

from sandbox.envfile import EnvFile, InUseError, check_free

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


def test_the_file_of_a_sandbox_that_runs_is_not_free(tmp_path: Path) -> None:
    path = tmp_path / "env"
    with socket.create_server(("127.0.0.1", 0)) as emulator:
        url = f"http://127.0.0.1:{emulator.getsockname()[1]}"
        EnvFile(path, {"AWS_ENDPOINT_URL": url})
        with pytest.raises(InUseError, match=r"running here already .*/env.*; stop it, or .*--env"):
            check_free(path)

    check_free(path)  # killed: nobody listens any more


def test_a_file_that_no_sandbox_wrote_is_not_free(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"API_KEY=\xff\n")

    with pytest.raises(InUseError, match="no sandbox wrote it"):
        check_free(path)


@pytest.mark.parametrize("url", ["", "http://", "http://127.0.0.1", "http://127.0.0.1:x"])
def test_a_file_without_an_address_is_free_as_one_that_is_not_there(
    tmp_path: Path, url: str
) -> None:
    check_free(tmp_path / "env")
    EnvFile(tmp_path / "env", {"AWS_ENDPOINT_URL": url})

    check_free(tmp_path / "env")
