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
    console: Console,
    bad: Iterable[tuple[int | None, Sequence[str]]],
    *,
    of: int,
    others_in: str,
    noun: str = "line",
) -> None:
    """The first problems, each with the lines that have it.

    Args:
        console: Where they are told.
        bad: Line and problems of each bad row that is known, in their order.
        of: Bad rows there are in all.
        others_in: Where those are that are not shown, in words.
        noun: What the numbers count: the rows of a matrix have no lines.
    """
    alike: dict[str, list[int | None]] = {}
    for line, problems in bad:
        for problem in problems:
            alike.setdefault(problem, []).append(line)
    shown = list(alike.items())[:_SHOWN]
    for problem, lines in shown:
        head = f"  {_lines_text(noun, lines)}: "
        print_hanging(console, Text.assemble((head, "bold red"), (plain(problem), "red")), 4)
    if more := of - len({line for _, lines in shown for line in lines}):
        text = styled(f"  … and {count(more, 'more bad row')} ({others_in})")
        console.print(text, soft_wrap=True)


def _lines_text(noun: str, lines: Sequence[int | None]) -> str:
    """`line 3`, `lines 2, 4, 5`, `lines 2, 4, 5 … 90 (44 rows)`."""
    if len(lines) == 1:
        return f"{noun} {lines[0]}"
    if len(lines) <= _LINES_SHOWN:
        return f"{noun}s {', '.join(map(str, lines))}"
    first = ", ".join(map(str, lines[: _LINES_SHOWN - 1]))
    return f"{noun}s {first} … {lines[-1]} ({count(len(lines), 'row')})"
