"""Commands, options, targets and variables in the docs exist."""

import re
from importlib import import_module

import pytest
from typer.main import get_command

from tests.unit.docs.pages import ROOT, blocks, pages, read, table_column
from worker.runtime.cli import COMMANDS
from worker.settings import SETTINGS

NAMES = [str(path.relative_to(ROOT)) for path in pages()]
OURS = re.compile(r"\b(?:WORKER|HAUTECH)_[A-Z][A-Z_]+\b")
REFERENCE = "docs/reference/commands.md"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE)) - {"help"}


def options_of(command: str, rest: list[str]) -> set[str]:
    """The options of a command, or of the one below it that the next word names."""
    module = import_module(f"worker.runtime.commands.{COMMANDS[command].module}")
    called = get_command(module.app)
    called = getattr(called, "commands", {}).get(rest[0] if rest else "", called)
    return {name for one in called.params for name in [*one.opts, *one.secondary_opts]} | {"--help"}


def command_lines(text: str) -> list[list[str]]:
    """The words after `hautech-worker` wherever it is called: in shell blocks and in inline code."""
    shell = "\n".join(blocks(text, "sh")).replace("\\\n", " ")
    calls = re.findall(r"(?:^|[\s/])hautech-worker ([^\n|#]*)", shell)
    calls += re.findall(r"`hautech-worker\s([^`]*)`", text)
    return [call.split() for call in calls]


@pytest.mark.parametrize("name", NAMES)
def test_every_call_of_the_command_line_exists(name: str) -> None:
    wrong = []
    for words in command_lines(read(name)):
        command, *rest = words
        if command not in COMMANDS:
            wrong.append(f"hautech-worker {command}")
            continue
        given = {word.partition("=")[0] for word in rest if word.startswith("--")}
        wrong += [f"{command} {option}" for option in given - options_of(command, rest)]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_exists(name: str) -> None:
    text = read(name)
    code = [*blocks(text, "sh"), *re.findall(r"`([^`\n]+)`", text)]
    called = {match for one in code for match in re.findall(r"^make ([a-z-]+)", one, re.MULTILINE)}

    assert called <= targets()


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_one_that_the_worker_reads(name: str) -> None:
    known = {spec.name for spec in SETTINGS}

    assert set(OURS.findall(read(name))) <= known


def test_the_readme_lists_every_setting_that_is_required() -> None:
    required = {spec.name for spec in SETTINGS if spec.required}

    assert required <= set(OURS.findall(read("README.md")))


def test_the_reference_lists_every_command_and_every_target() -> None:
    calls = table_column(read(REFERENCE))
    commands = {call.split()[1] for call in calls if call.startswith("hautech-worker ")}
    made = {call.split()[1] for call in calls if call.startswith("make ")}

    assert commands == set(COMMANDS)
    assert made == targets()


def test_the_reference_lists_every_command_below_dead_letters() -> None:
    calls = [call.split() for call in table_column(read(REFERENCE))]
    below = {call[2] for call in calls if call[1:2] == ["dead-letters"] and len(call) > 2}
    module = import_module("worker.runtime.commands.dead_letters")

    assert below == set(getattr(get_command(module.app), "commands", {}))
