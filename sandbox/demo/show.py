"""What a person sees while the demo runs: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sandbox.demo.progress import Progress

_STYLES = {"succeeded": "green", "failed": "red", "queued": "dim"}
_FRAMES_PER_S = 12


class Show(Protocol):
    """Where news goes."""

    def step(self, text: str, *, after_trouble: bool = False) -> None:
        """The demo itself does something now, such as starting AWS.

        Args:
            text: what.
            after_trouble: what was done until now did not come to its end.
        """

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """How the jobs stand: request id and progress, always in the same order."""

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the last picture standing."""


def show_for(console: Console) -> Show:
    """Bars for a terminal that can redraw, lines for files, pipes and dumb terminals."""
    return Bars(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class Bars:
    """The live view: what the demo does, and a bar for each job."""

    def __init__(self, console: Console) -> None:
        self._steps: list[tuple[str, float]] = []
        self._lines: Sequence[tuple[str, Progress]] = ()
        self._ended: float | None = None
        self._cut_short = 0
        self._live = Live(
            console=console,
            get_renderable=self._frame,
            refresh_per_second=_FRAMES_PER_S,
            transient=False,
        )

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not self._cut_short:
            self._cut_short = len(self._steps)
        self._ended = time.monotonic()
        self._live.stop()

    def step(self, text: str, *, after_trouble: bool = False) -> None:
        """A line with the seconds it takes."""
        if after_trouble:
            self._cut_short = len(self._steps)
        self._steps.append((text, time.monotonic()))
        self._live.refresh()

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """A bar for each."""
        self._lines = list(lines)

    def _frame(self) -> RenderableType:
        parts: list[RenderableType] = [
            Text("hautech-worker demo", style="bold"),
            self._steps_text(),
        ]
        if self._lines:
            parts += [Text(), self._table()]
        return Group(*parts)

    def _steps_text(self) -> Text:
        steps = list(self._steps)  # the drawing thread must not see it grow
        text = Text()
        for number, (what, since) in enumerate(steps, start=1):
            end = self._ended if number == len(steps) else steps[number][1]
            took_s = (time.monotonic() if end is None else end) - since
            mark, style = ("…", "yellow") if end is None else ("✓", "green")
            if number == self._cut_short:
                mark, style = "✗", "red"
            text.append(f"  {mark} ", style=style)
            text.append(what)
            text.append(f"  {took_s:.1f} s\n", style="dim")
        text.right_crop(1)
        return text

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        # Not the last columns: there, the terminal's echo of Ctrl-C would begin a new line and the
        # next frame would stand one line too low.
        table.width = max(20, self._live.console.width - 4)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, width=28)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for name, now in self._lines:
            bar = ProgressBar(
                total=1.0,
                completed=now.share,
                width=28,
                complete_style="cyan",
                finished_style="red" if now.word == "failed" else "green",
            )
            told = Text(now.word, style=_STYLES.get(now.word, "cyan"))
            if now.detail:
                told.append(f"  {' '.join(now.detail.split())}", style="dim")
            table.add_row(Text("  " + name), bar, told)
        return table


class Lines:
    """One line for each thing that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._since = time.monotonic()
        self._told: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to leave: lines stay."""

    def step(self, text: str, *, after_trouble: bool = False) -> None:  # noqa: ARG002 - the text says it
        """A line."""
        self._say(text)

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """A line for each that changed."""
        for name, now in lines:
            news = (now.word, now.detail)
            if self._told.get(name) != news:
                self._told[name] = news
                self._say(f"{name}: {now.word}" + (f" ({now.detail})" if now.detail else ""))

    def _say(self, text: str) -> None:
        line = f"{time.monotonic() - self._since:5.1f} s  {' '.join(text.split())}"
        self._console.print(Text(line), soft_wrap=True)
