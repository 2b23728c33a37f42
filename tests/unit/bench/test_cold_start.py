"""Function and floor do the same, and the table says what it compares. No time is judged here."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from bench import cold_floor, cold_record
from bench.cold_process import SETTINGS, Counted, CountError, Folders
from bench.cold_start import FUNCTIONS, Starts, count, measure, target_here
from infra.lambda_package.errors import PackageError
from infra.lambda_package.interpreters import find_interpreter

BATCH = {"dynamodb", "s3", "sns", "sqs"}
SITE_PACKAGES = Path(sysconfig.get_path("platlib"))


def told_by_function(name):
    done = subprocess.run(
        [sys.executable, cold_floor.__file__, "/nowhere", "function"],
        env={**SETTINGS, "_HANDLER": f"worker.runtime.aws_lambda.handle_{name}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


class NoFolders:
    """Tells what was asked of it and starts nothing."""

    def __init__(self):
        self.asked = []

    def start(self, name):
        self.asked.append(name)
        cpu_s = float(len(self.asked))
        function = {"cpu_s": 2 * cpu_s, "wall_s": 4.0, "clients": []}
        return function, {"cpu_s": cpu_s, "wall_s": 2.0, "model_cpu_s": 0.5}

    def instructions(self, _name, _counter):
        return Counted(function=1_210_000_000, floor=1_000_000_000)

    def first_record(self, _name):
        return {"cpu_s": 0.25}


@pytest.mark.parametrize(
    ("name", "services"), [("polls", BATCH), ("reconcile", {"dynamodb", "sqs"})]
)
def test_a_function_tells_the_clients_that_it_made(name, services):
    told = told_by_function(name)
    assert {client["service"] for client in told["clients"]} == services
    assert all(client["config"]["parameter_validation"] is False for client in told["clients"])
    assert told["cpu_s"] > 0


def test_the_floor_makes_the_clients_it_is_told_with_their_settings():
    folders = Folders(Path(sys.executable), Path("/nowhere"), SITE_PACKAGES)
    client = {"service": "sqs", "region": "eu-west-1", "config": {"read_timeout": 25.0}}
    told = folders._run(cold_floor, folders.floor, ["floor", json.dumps([client])])
    assert 0 < told["model_cpu_s"] < told["cpu_s"]
    client["config"] = {"no_such_setting": True}
    with pytest.raises(subprocess.CalledProcessError) as caught:
        folders._run(cold_floor, folders.floor, ["floor", json.dumps([client])])
    assert "no_such_setting" in caught.value.stderr


@pytest.mark.parametrize(
    ("name", "action"), [("polls", "poll_dropped"), ("requests", "request_rejected")]
)
def test_the_first_record_is_decided_with_the_answers_made_up(name, action):
    done = subprocess.run(
        [sys.executable, cold_record.__file__, "/nowhere", name],
        env={**SETTINGS, "_HANDLER": f"worker.runtime.aws_lambda.handle_{name}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'"action": "{action}"' in done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["cpu_s"] > 0


def test_function_and_floor_take_turns_and_the_first_turn_does_not_count():
    folders: Any = NoFolders()
    starts = measure(folders, 2)
    assert folders.asked == [*FUNCTIONS] * 3
    assert starts["requests"].function_cpu_s == [8.0, 14.0]
    assert starts["requests"].floor_cpu_s == [4.0, 7.0]
    assert starts["requests"].bare_cpu_s == [3.5, 6.5]
    assert starts["requests"].record_cpu_s == [0.25, 0.25]
    assert starts["reconcile"].record_cpu_s == []


def test_a_row_tells_the_least_and_the_median_and_marks_what_misses_the_aim():
    starts = Starts()
    for cpu_s in (1.2, 3.0, 9.0):
        function = {"cpu_s": cpu_s, "wall_s": 3.0}
        starts.add(function, {"cpu_s": 1.0, "wall_s": 2.0, "model_cpu_s": 0.2})
    row = " ".join(starts.row("polls").split())
    assert row == "polls 1200 ms 1.20 ✓ 1.50 ✗ 3000 ms 3.00 ✗ 3.75 ✗ 1.50 none"
    starts.record_cpu_s.extend([0.004, 0.006, 0.1])
    assert starts.row("polls").endswith(" 6 ms")


COUNTER = """#!/bin/sh
case "$*" in
    *" nothing") told=1,000 ;;
    *" function") told=4,000 ;;
    *' floor ["made"]') told=3,500 ;;
esac
echo '{"clients": ["made"]}'
echo "==7== I   refs:      $told" >&2
"""


def test_instructions_are_those_of_a_start_without_the_interpreters_own(tmp_path):
    counter = tmp_path / "valgrind"
    counter.write_text(COUNTER)
    counter.chmod(0o755)
    folders = Folders(Path(sys.executable), Path(), Path())
    assert folders.instructions("polls", counter) == Counted(function=3_000, floor=2_500)


def test_what_the_interpreter_does_by_itself_is_counted_alone():
    folders = Folders(Path(sys.executable), Path(), SITE_PACKAGES)
    assert set(folders._run(cold_floor, folders.floor, ["nothing"])) == {"cpu_s", "wall_s"}


def test_a_counter_that_says_nothing_is_an_error_and_not_a_table(tmp_path):
    counter = tmp_path / "valgrind"
    counter.write_text("#!/bin/sh\necho '{}'\n")
    counter.chmod(0o755)
    with pytest.raises(CountError, match="did not say"):
        Folders(Path(sys.executable), Path(), Path()).instructions("polls", counter)


def test_the_table_of_instructions_marks_what_misses_the_aim():
    folders: Any = NoFolders()
    _, *rows = count(folders, Path("valgrind")).splitlines()
    assert [" ".join(row.split()) for row in rows] == [
        f"{name} 1,210 M 1.21 ✗" for name in FUNCTIONS
    ]


def test_without_lambdas_python_the_bench_takes_the_one_that_runs_it(monkeypatch):
    def none_found(python):
        raise PackageError(f"no Python {python}")

    monkeypatch.setattr("bench.cold_start.find_interpreter", none_found)
    here = target_here(None)
    assert (here.architecture, find_interpreter(here.python)[0]) == ("native", Path(sys.executable))


def test_a_python_that_lambda_would_not_run_is_refused():
    with pytest.raises(PackageError):
        target_here("3.10")


def test_the_processes_see_no_settings_of_this_machine(monkeypatch):
    seen = {}

    def run(command, *, env, **_):
        seen.update(env)
        told = {"cpu_s": 1.0, "wall_s": 1.0, "clients": []}
        return subprocess.CompletedProcess(command, 0, json.dumps(told), "")

    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setattr(subprocess, "run", run)
    Folders(Path(sys.executable), Path(), Path()).start("polls")
    assert set(seen) == {*SETTINGS, "_HANDLER", "PATH"}
    assert seen["PATH"] == os.defpath
