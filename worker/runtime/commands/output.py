"""How commands speak: results to stdout, remarks to stderr, colours only on a terminal.

Text from outside (prompts, error messages, message bodies) is shown as it is, never read as
markup, and without control characters, which could move the cursor or change the terminal.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from worker.contracts.text import visible_json

OK: Final = 0
FAILED: Final = 1
"""Something was found to be wrong, or did not work."""
USAGE: Final = 2
"""The command or the settings must be changed first."""

_UNBROKEN: Final = 20_000
"""Characters of a line that no terminal sets a limit for; more than any row has."""

_WORD = re.compile(r"\S+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def stdout() -> Console:
    """Where results go."""
    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """Where remarks and errors go."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def show(console: Console, content: RenderableType) -> None:
    """A table, laid out for the terminal; elsewhere one line a row, unbroken and unpadded.

    What is piped is searched and copied by other programs: a URI stays in one piece there.
    """
    if console.is_terminal:
        console.print(content)
        return
    # print() takes a width only if it is less than the console's own.
    before, console.width = console.width, _UNBROKEN
    try:
        with console.capture() as captured:
            console.print(content)
    finally:
        console.width = before
    text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
    console.file.write(text)


def print_hanging(console: Console, line: Text, indent: int) -> None:
    """A line that a terminal shows wrapped between words, from its second row on indented.

    A URI longer than a row stays one piece for copying. What is piped stays one line.
    """
    if console.is_terminal:
        first, rest = line.divide([indent])
        line = first + Text("\n" + " " * indent).join(_rows(rest, console.width - indent))
    console.print(line, soft_wrap=True)


def _rows(text: Text, columns: int) -> list[Text]:
    """As Rich wraps it, but for words that are longer than a row: those it would cut."""
    breaks, begin = [], 0
    for word in _WORD.finditer(text.plain):
        if word.start() > begin and cell_len(text.plain[begin : word.end()]) > columns:
            begin = word.start()
            breaks.append(begin)
    rows = list(text.divide(breaks))
    for row in rows:
        row.rstrip()
    return rows


def plain(value: object) -> str:
    """Foreign text without control characters (and marks that turn the writing direction)."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value))


def styled(value: object, style: str = "") -> Text:
    """Foreign text, safe to show, in one style."""
    return Text(plain(value), style=style)


def print_json(value: Any) -> None:
    """One JSON document on stdout, without colours and never wrapped."""
    typer.echo(visible_json(json.dumps(value, indent=2, ensure_ascii=False)))


def remark(text: str) -> None:
    """A sentence for the person at the terminal, kept out of the results."""
    stderr().print(styled(text), soft_wrap=True)


def caution(text: str) -> None:
    """Something that may be wrong, and that nobody here can know."""
    print_hanging(stderr(), Text.assemble(("warning: ", "bold yellow"), plain(text)), 9)


def fail(text: str, *, code: int = FAILED) -> typer.Exit:
    """Says what is wrong on stderr; `raise` the answer to end the command."""
    console = stderr()
    console.print(Text.assemble(("error: ", "bold red"), plain(text)), soft_wrap=True)
    return typer.Exit(code)
