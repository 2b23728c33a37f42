"""Questions to the person at the terminal; a script has to say --yes."""

from __future__ import annotations

import sys

import typer

from worker.runtime.commands.output import USAGE, fail, plain, remark


def confirm(question: str) -> None:
    """Raises typer.Exit unless the answer is yes. Without a terminal there is nobody to ask."""
    if not is_terminal():
        raise fail(f"{question} There is no terminal to ask at: add --yes", code=USAGE)
    if not typer.confirm(plain(question), err=True):
        remark("Nothing was done.")
        raise typer.Exit


def is_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()
