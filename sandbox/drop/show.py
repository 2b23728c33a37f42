"""What a person sees of the drop folder: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sandbox.demo.show import LineSteps, LiveSteps, Steps, can_redraw
from sandbox.drop.rows import COPYING, Row

_STYLES = {"done": "green", "failed": "red", "ignored": "dim", "read": "dim", COPYING: "yellow"}
_AROUND_TABLE = 14
"""Lines of the screen that are not rows: the title, the steps, the heading, the invitation."""


class DropShow(Steps, Protocol):
    """Where news of the demo and of dropped files goes."""

    def invite(self, text: str) -> None:
        """Says what a person can do now."""

    def notice(self, text: str) -> None:
        """Says what is not as a person meant it, until "" takes it away; may have several lines."""

    def rows(self, rows: Sequence[Row]) -> None:
        """How the files stand, always in the same order."""


def drop_show_for(console: Console) -> DropShow:
    """A table for a terminal that can redraw, lines for everything else."""
    return DropTable(console) if can_redraw(console) else DropLines(console)


class DropTable(LiveSteps):
    """The live view: below the steps, a line for each file, the last ones if there are many.

    What is left standing at the end has all of them, and what failed in full.
    """

    title = "hautech-worker drop folder"

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: Sequence[Row] = ()
        self._invitation = ""
        self._notice = ""
        super().__init__(console)  # draws already

    def invite(self, text: str) -> None:
        """Below the table."""
        self._invitation = text

    def notice(self, text: str) -> None:
        """Above the table."""
        self._notice = text

    def rows(self, rows: Sequence[Row]) -> None:
        """A line for each."""
        self._rows = tuple(rows)

    def below(self) -> RenderableType | None:
        """The table, and the invitation; at the end, what failed instead of that."""
        parts: list[RenderableType] = []
        rows, notice = self._rows, self._notice
        if notice:
            parts += [Text(notice, style="yellow"), Text()]
        if rows:
            parts.append(self._table(rows))
        if self.is_over:
            parts += _failures(rows)
        elif self._invitation:
            parts += [Text(), Text(self._invitation, style="bold")]
        return Group(*parts) if parts else None

    def _table(self, rows: Sequence[Row]) -> Table:
        room = self._console.height - _AROUND_TABLE - len(self._notice.splitlines())
        hidden = 0 if self.is_over else max(0, len(rows) - max(3, room))
        table = Table(
            box=None,
            padding=(0, 2, 0, 0),
            expand=True,
            title=f"{hidden} before these" if hidden else None,
            title_justify="left",
            header_style="dim",
        )
        table.width = self.width
        table.add_column("file", no_wrap=True, overflow="ellipsis", ratio=3)
        table.add_column("rule", no_wrap=True)
        table.add_column("state", no_wrap=True, overflow="ellipsis", ratio=4)
        table.add_column("picture", no_wrap=True, overflow="ellipsis", ratio=4)
        for row in rows[hidden:]:
            state = Text(row.word, style=_STYLES.get(row.word, "cyan"))
            if row.detail:
                state.append(f"  {' '.join(row.detail.split())}", style="dim")
            table.add_row(
                Text(_shown(row.file)),
                Text(row.rule, style="dim"),
                state,
                Text(", ".join(_shown(file) for file in row.files)),
            )
        return table


def _failures(rows: Sequence[Row]) -> list[RenderableType]:
    """What went wrong, wrapped instead of cut."""
    parts: list[RenderableType] = []
    for row in rows:
        for number, reason in enumerate(row.reasons):
            if number == 0:
                parts += [Text(), Text(_shown(row.file), style=_STYLES.get(row.word, ""))]
            parts.append(Padding(Text(_shown(reason)), (0, 0, 0, 2)))
    return parts


class DropLines(LineSteps):
    """One line for each thing that changes."""

    def invite(self, text: str) -> None:
        """A line."""
        self.step(text)

    def notice(self, text: str) -> None:
        """A line for each of it."""
        for line in text.splitlines():
            self.step(line)

    def rows(self, rows: Sequence[Row]) -> None:
        """A line for each that changed, once it was taken."""
        for row in rows:
            if row.word == COPYING:
                continue
            rule = f"[{row.rule}] " if row.rule else ""
            detail = f" ({row.detail})" if row.detail else ""
            files = f" -> {', '.join(_shown(file) for file in row.files)}" if row.files else ""
            self.tell(_shown(row.file), f"{rule}{row.word}{detail}{files}")


def _shown(name: str) -> str:
    """A name of a file that any terminal can print: control characters and broken letters as ?."""
    text = name.encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in text)
