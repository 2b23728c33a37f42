"""Bad rows of a batch, told: what is wrong with many of them once, with their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from worker.runtime.commands.output import plain, print_hanging, styled
from worker.runtime.commands.wording import count

_SHOWN: Final = 20
_LINES_SHOWN: Final = 8


def print_bad_rows(
    console: Console, bad: Iterable[tuple[int | None, str]], *, of: int, others_in: str
) -> None:
    """The first problems, each with the lines that have it.

    Args:
        console: Where they are told.
        bad: Line and problem of each bad row that is known, in their order.
        of: Bad rows there are in all.
        others_in: Where those are that are not shown, in words.
    """
    alike: dict[str, list[int | None]] = {}
    for line, problem in bad:
        alike.setdefault(problem, []).append(line)
    shown = list(alike.items())[:_SHOWN]
    for problem, lines in shown:
        text = Text.assemble((f"  {_lines_text(lines)}: ", "bold red"), (plain(problem), "red"))
        print_hanging(console, text, 4)
    if more := of - sum(len(lines) for _, lines in shown):
        text = styled(f"  … and {count(more, 'more bad row')} ({others_in})")
        console.print(text, soft_wrap=True)


def _lines_text(lines: Sequence[int | None]) -> str:
    """`line 3`, `lines 2, 4, 5`, `lines 2, 4, 5 … 90 (44 rows)`."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    if len(lines) <= _LINES_SHOWN:
        return f"lines {', '.join(map(str, lines))}"
    first = ", ".join(map(str, lines[: _LINES_SHOWN - 1]))
    return f"lines {first} … {lines[-1]} ({count(len(lines), 'row')})"
