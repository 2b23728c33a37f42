"""`schema` prints what is published; `demo` becomes the sandbox's demo, or says where that is."""

import json
import os
import sys
from pathlib import Path

import pytest

from worker.contracts.schemas import json_schemas
from worker.runtime.commands import demo


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((), "request.schema.json"),
        (("request",), "request.schema.json"),
        (("event",), "result-event.schema.json"),
        (("poll",), "poll.schema.json"),
    ],
)
def test_schema_prints_the_published_schema(invoke, words, name) -> None:
    done = invoke("schema", *words)

    assert done.exit_code == 0
    assert json.loads(done.stdout) == json_schemas()[name]


def test_an_unknown_message_is_a_usage_error(invoke) -> None:
    assert invoke("schema", "result").exit_code == 2


@pytest.fixture
def executed(monkeypatch) -> list[list[str]]:
    """The command lines that this process would have become."""
    calls: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: calls.append([program, *words]))
    return calls


def test_the_demo_is_the_same_interpreter_with_the_given_options(invoke, executed, photo) -> None:
    invoke("demo", "--garment", photo, "--out", "sheet")

    options = ["--garment", str(photo), "--out", "sheet"]
    assert executed == [[sys.executable, sys.executable, "-m", "sandbox.demo", *options]]


def test_without_the_repository_the_demo_says_where_it_is(
    invoke, executed, monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert not demo._is_there()

    done = invoke("demo")

    assert done.exit_code == 2
    assert "git clone" in done.stderr
    assert "make demo" in done.stderr
    assert executed == []


def test_photos_reach_the_demo_as_they_were_typed_for_it_checks_them_itself(
    invoke, executed
) -> None:
    done = invoke("demo", "--pose", "~/none.png")

    assert done.exit_code == 0
    assert executed[0][-2:] == ["--pose", "~/none.png"]
