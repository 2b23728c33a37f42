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


class Steps(Protocol):
    """Where news of the demo itself goes."""

    def step(self, text: str, *, after_trouble: bool = False) -> None:
        """The demo itself does something now, such as starting AWS.

        Args:
            text: what.
            after_trouble: what was done until now did not come to its end.
        """

    def __enter__(self) -> Self:
        """Begins to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leaves the last picture standing."""


class Show(Steps, Protocol):
    """Where news of the demo and of its jobs goes."""

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """How the jobs stand: request id and progress, always in the same order."""


def can_redraw(console: Console) -> bool:
    """Whether something live can be shown: not to files, pipes and dumb terminals."""
    return console.is_terminal and not console.is_dumb_terminal


def show_for(console: Console) -> Show:
    """Bars for a terminal that can redraw, lines for everything else."""
    return Bars(console) if can_redraw(console) else Lines(console)


class LiveSteps:
    """A live view: a title, what the demo does with the seconds it takes, and something below."""

    title = "hautech-worker demo"

    def __init__(self, console: Console) -> None:
        self._steps: list[tuple[str, float]] = []
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

    @property
    def width(self) -> int:
        """Columns to draw on.

        Not the last ones: there, the terminal's echo of Ctrl-C would begin a new line and the next
        frame would stand one line too low.
        """
        return max(20, self._live.console.width - 4)

    @property
    def is_over(self) -> bool:
        """Whether this is the picture that is left standing."""
        return self._ended is not None

    def below(self) -> RenderableType | None:
        """What stands below the steps now; None: nothing."""
        return None

    def _frame(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self.title, style="bold"), self._steps_text()]
        if (below := self.below()) is not None:
            parts += [Text(), below]
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


class Bars(LiveSteps):
    """The live view of the demo: below the steps, a bar for each job."""

    def __init__(self, console: Console) -> None:
        self._lines: Sequence[tuple[str, Progress]] = ()
        super().__init__(console)  # draws already

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """A bar for each."""
        self._lines = list(lines)

    def below(self) -> RenderableType | None:
        """The bars."""
        return self._table() if self._lines else None

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.width = self.width
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


class LineSteps:
    """One line for each thing that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._since = time.monotonic()
        self._told: dict[str, str] = {}

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

    def tell(self, name: str, news: str) -> None:
        """A line about something, unless it was told already."""
        if self._told.get(name) != news:
            self._told[name] = news
            self._say(f"{name}: {news}")

    def _say(self, text: str) -> None:
        line = f"{time.monotonic() - self._since:5.1f} s  {' '.join(text.split())}"
        self._console.print(Text(line), soft_wrap=True)


class Lines(LineSteps):
    """The same for the jobs of the demo."""

    def jobs(self, lines: Sequence[tuple[str, Progress]]) -> None:
        """A line for each that changed."""
        for name, now in lines:
            self.tell(name, now.word + (f" ({now.detail})" if now.detail else ""))
