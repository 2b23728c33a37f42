"""`--help`: what stands below the options can be copied from a terminal of 80 columns."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from rich.text import Text
from typer.core import TyperGroup

from worker.runtime.cli import app

_SHOWN = 78
"""Columns of a terminal of 80 less Typer's margins."""


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    if isinstance(command, TyperGroup):
        for part, inner in command.commands.items():
            yield from _commands(inner, f"{name} {part}")


COMMANDS = dict(_commands(typer.main.get_command(app), "hautech-worker"))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_of_an_example_is_broken_by_the_terminal(name: str) -> None:
    lines = Text.from_markup(COMMANDS[name].epilog or "").plain.splitlines()
    assert [line for line in lines if len(line) > _SHOWN] == []
