"""The command line as a whole: help, versions, errors, and what it does not import."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.cli.conftest import ENVIRONMENT
from worker import __version__
from worker.adapters.memory import MemoryJobStore
from worker.errors import CredentialsRefusedError
from worker.runtime.cli import COMMANDS, app

PROBE = """
import sys
from worker.runtime.cli import main
sys.argv = ["hautech-worker", {words}]
try:
    main()
finally:
    print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def imported_by(*words: str) -> set[str]:
    code = PROBE.format(words=", ".join(map(repr, words)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("schema", "event"), ("--version",)])
def test_help_and_schema_do_not_load_the_sdk(words: tuple[str, ...]) -> None:
    assert not imported_by(*words) & {"boto3", "botocore", "requests", "structlog"}


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(app, ["--help"])

    assert done.exit_code == 0
    assert all(
        name in done.output and entry.summary in done.output for name, entry in COMMANDS.items()
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_80_columns(name: str, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    done = CliRunner().invoke(app, [name, "--help"])

    assert done.exit_code == 0
    assert COMMANDS[name].summary.split()[0] in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 80
    assert not re.search(r"\\ *\n *\n", done.output), "an example that goes on after a blank line"


def test_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"hautech-worker {__version__}\n"


def test_a_mistyped_command_is_answered_with_the_right_one() -> None:
    done = CliRunner().invoke(app, ["jbos"])

    assert done.exit_code == 2
    assert "Did you mean 'jobs'" in done.stderr


def test_all_problems_of_the_settings_are_told_at_once(monkeypatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORKER_CONCURRENCY", "many")

    done = CliRunner().invoke(app, ["run"])

    assert done.exit_code == 2
    assert done.stdout == ""
    required = [name for name in ENVIRONMENT if name.startswith("WORKER_")]
    assert [name for name in required if f"{name}: not set" not in done.stderr] == []
    assert "-> stack output JobTableName" in done.stderr
    assert "WORKER_CONCURRENCY: 'many': must be a whole number" in done.stderr


@pytest.fixture
def without_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment and SDK files that name no region; returns the file that could."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config"


@pytest.mark.parametrize("words", [("run",), ("jobs",), ("submit", "--image", "s3://b/a.png")])
@pytest.mark.usefixtures("without_region")
def test_a_missing_region_is_told_in_the_same_round_as_the_settings(words) -> None:
    done = CliRunner().invoke(app, list(words))

    assert done.exit_code == 2
    assert "WORKER_" in done.stderr
    assert "AWS_REGION: not set: the AWS SDK does not know the region" in done.stderr
    assert "-> export AWS_REGION=eu-west-1, say, or name a profile that has one" in done.stderr


@pytest.mark.parametrize("way", ["AWS_REGION", "AWS_DEFAULT_REGION", "file"])
def test_a_region_counts_wherever_the_sdk_finds_it(way, without_region, monkeypatch) -> None:
    if way == "file":
        without_region.write_text("[default]\nregion = eu-west-1\n")
    else:
        monkeypatch.setenv(way, "eu-west-1")

    done = CliRunner().invoke(app, ["jobs"])

    assert "1 setting needs attention" in done.stderr
    assert "AWS" not in done.stderr


@pytest.mark.usefixtures("without_region")
def test_a_profile_that_does_not_exist_is_told_with_the_settings(monkeypatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    done = CliRunner().invoke(app, ["jobs"])

    assert done.exit_code == 2
    assert "WORKER_JOB_TABLE: not set" in done.stderr
    assert "(nobody) could not be found" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("submit", "--seed", "abc"), "'--seed': must be a whole number, such as 7"),
        (("watch", "x", "--interval", "abc"), "'--interval': must be a number, such as 2.5"),
        (("watch", "x", "--interval", "0"), "'--interval': must be at least 0.2"),
        (("jobs", "--limit", "99999"), "'--limit': must be at most 10000"),
        (("schema", "evnt"), '"evnt" must be one of request, event, poll'),
    ],
)
def test_a_wrong_value_of_an_option_is_told_in_plain_words(words, said, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")

    done = CliRunner().invoke(app, list(words))

    assert done.exit_code == 2
    assert said in done.stderr
    assert "Input should" not in done.stderr
    assert "Value error" not in done.stderr


def test_a_command_asks_only_for_the_settings_that_it_needs(monkeypatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)

    done = CliRunner().invoke(app, ["jobs"])

    assert done.exit_code == 2
    assert "WORKER_JOB_TABLE" in done.stderr
    assert "QUEUE_URL" not in done.stderr
    assert "HAUTECH" not in done.stderr


def test_our_own_errors_end_a_command_with_a_sentence(invoke, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise CredentialsRefusedError(
            "DynamoDB Query on jobs: refused;\x9b give the process a role"
        )

    monkeypatch.setattr(MemoryJobStore, "list_by_state", refuse)

    done = invoke("jobs")

    assert done.exit_code == 1
    assert done.stderr == "error: DynamoDB Query on jobs: refused;\ufffd give the process a role\n"


LATE_WARNING = """
import sys, structlog
from worker.runtime.cli import main
sys.argv = ["hautech-worker", "jobs", "--help"]
try:
    main()
finally:
    structlog.get_logger().warning("a canary")
"""


def test_what_a_command_warns_of_goes_to_stderr_and_leaves_stdout_to_the_answer() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE_WARNING], capture_output=True, text=True, check=True
    )

    assert "a canary" in done.stderr
    assert "a canary" not in done.stdout
