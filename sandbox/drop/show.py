"""What a person sees of the drop folder: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group, RenderableType
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

    def rows(self, rows: Sequence[Row]) -> None:
        """How the files stand, always in the same order."""


def drop_show_for(console: Console) -> DropShow:
    """A table for a terminal that can redraw, lines for everything else."""
    return DropTable(console) if can_redraw(console) else DropLines(console)


class DropTable(LiveSteps):
    """The live view: below the steps, a line for each file, the last ones if there are many."""

    title = "hautech-worker drop folder"

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: Sequence[Row] = ()
        self._invitation = ""
        super().__init__(console)  # draws already

    def invite(self, text: str) -> None:
        """Below the table."""
        self._invitation = text

    def rows(self, rows: Sequence[Row]) -> None:
        """A line for each."""
        self._rows = tuple(rows)

    def below(self) -> RenderableType | None:
        """The table, and the invitation."""
        parts: list[RenderableType] = []
        rows = self._rows
        if rows:
            parts.append(self._table(rows))
        if self._invitation:
            parts += [Text(), Text(self._invitation, style="bold")]
        return Group(*parts) if parts else None

    def _table(self, rows: Sequence[Row]) -> Table:
        most = max(3, self._console.height - _AROUND_TABLE)
        hidden = max(0, len(rows) - most)
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


class DropLines(LineSteps):
    """One line for each thing that changes."""

    def invite(self, text: str) -> None:
        """A line."""
        self.step(text)

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
