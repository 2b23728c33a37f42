"""Shows followed jobs until they are over: a live table on a terminal, plain lines elsewhere.

While nothing moves, the table says for how long, and beside the lines a remark on stderr says now and
then what is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from worker.errors import TransientError
from worker.ports.clock import Clock
from worker.runtime.commands.following import Following, Line
from worker.runtime.commands.output import plain, show, stderr, styled
from worker.runtime.commands.silence import FIRST_S, Silence
from worker.runtime.commands.timeline import STATE_STYLES
from worker.runtime.commands.wording import count, duration, shorten_middle

_BAR_WIDTH = 14
_ID_CHARACTERS = 24
_LINES_AROUND = 4
"""Of a frame, besides the jobs: what fits a small terminal counts."""


@dataclass(slots=True, kw_only=True)
class Show:
    """Where and how often the jobs are shown.

    Args:
        console: A terminal gets a live table.
        clock: For ages.
        interval_s: Seconds between two looks.
        pause: Waits that long.
        remarks: Where is said what is waited for, if the console is no terminal.
    """

    console: Console
    clock: Clock
    interval_s: float = 1.0
    pause: Callable[[float], None] = time.sleep
    remarks: Console = field(default_factory=stderr)
    _told: dict[str, tuple[object, ...]] = field(default_factory=dict)
    _silence: Silence = field(init=False)

    def __post_init__(self) -> None:
        self._silence = Silence(self.clock)

    def until_over(self, following: Following, timeout_s: float | None = None) -> bool:
        """Looks again and again; returns when all named jobs have ended, or the time is up.

        Returns whether they have ended. `timeout_s` None waits for as long as it takes.
        """
        until = None
        if timeout_s is not None:
            until = self.clock.now() + timedelta(seconds=timeout_s)
        if not self.console.is_terminal:
            self._in_lines(following, until)
            return following.is_over()
        with Live(console=self.console, auto_refresh=False, transient=False) as live:
            for trouble in self._looks(following, until):
                self._news(following)
                live.update(self._frame(following, trouble), refresh=True)
        return following.is_over()

    def once(self, following: Following) -> None:
        """One look."""
        following.refresh()
        show(self.console, self._frame(following, None))

    def _looks(self, following: Following, until: datetime | None) -> Iterable[str | None]:
        """Yields after each look: None, or why it did not succeed."""
        while True:
            try:
                following.refresh()
            except TransientError as error:
                yield f"trying again: {error.message}"
            else:
                yield None
                if following.is_over():
                    return
            left_s = (until - self.clock.now()).total_seconds() if until else self.interval_s
            if left_s <= 0:
                return
            self.pause(min(self.interval_s, left_s))

    def _in_lines(self, following: Following, until: datetime | None) -> None:
        troubled, hinted = None, ""
        for trouble in self._looks(following, until):
            at = self.clock.now().astimezone(UTC).strftime("%H:%M:%S")
            if trouble and trouble != troubled:
                self.console.print(styled(trouble), soft_wrap=True)
            troubled = trouble
            for line in self._news(following):
                text = f"{at}  {line.request_id}  {_word(line)}  {line.progress.doing}"
                self.console.print(styled(text), soft_wrap=True)
            if following.hint() != hinted:
                hinted = following.hint()
                self.console.print(styled(hinted), soft_wrap=True)
            remark = self._silence.remark(following.lines(now=self.clock.now()))
            if remark and not following.is_over():
                self.remarks.print(styled(f"{at}  {remark}", "dim"), soft_wrap=True)

    def _news(self, following: Following) -> list[Line]:
        """The jobs that have got on since they were last told of."""
        news = []
        for line in following.lines(now=self.clock.now()):
            state = (_word(line), line.progress.done, line.progress.result)
            if self._told.get(line.request_id) != state:
                self._told[line.request_id] = state
                news.append(line)
        if news:
            self._silence.broken()
        return news

    def _frame(self, following: Following, trouble: str | None) -> RenderableType:
        lines = following.lines(now=self.clock.now())
        if not lines:
            return Text("No job is open at the moment.", style="dim")
        room = self.console.height - _LINES_AROUND if self.console.is_terminal else len(lines)
        shown = _most_telling(lines, max(1, room))
        parts: list[RenderableType] = [_table(shown)]
        if len(shown) < len(lines):
            parts.append(Text(f"… and {count(len(lines) - len(shown), 'more job')}", style="dim"))
        parts.append(_sum(lines, self._silence.lasted_s))
        if remarks := [text for text in (trouble, following.hint()) if text]:
            parts.append(styled("\n".join(remarks), "yellow"))
        return Group(*parts)


def _table(lines: list[Line]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, width=_BAR_WIDTH)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for line in lines:
        failed = line.progress.result == "failed"
        bar = ProgressBar(
            total=line.progress.total,
            completed=line.progress.done,
            width=_BAR_WIDTH,
            complete_style="cyan",
            finished_style="red" if failed else "green",
        )
        style = STATE_STYLES[line.job.state] if line.job else "dim"
        table.add_row(
            styled(shorten_middle(line.request_id, _ID_CHARACTERS), "bold"),
            bar,
            Text(_word(line), style="red" if failed else style),
            styled(" ".join(plain(line.progress.doing).split())),
        )
    return table


def _word(line: Line) -> str:
    if line.refusal:
        return "refused"
    if line.job is None:
        return "queued"
    # "failed" also for a record that belongs to another request.
    return "failed" if line.progress.result == "failed" else line.job.state.value


def _sum(lines: list[Line], silent_s: float) -> Text:
    done = sum(1 for line in lines if line.progress.result == "succeeded")
    failed = sum(1 for line in lines if line.progress.result == "failed")
    text = Text(f"{done + failed} of {count(len(lines), 'job')} over", style="dim")
    if failed:
        text.append(f", {failed} failed", style="red")
    if silent_s >= FIRST_S and done + failed < len(lines):
        text.append(f", nothing new for {duration(silent_s)}")
    return text


def _most_telling(lines: list[Line], room: int) -> list[Line]:
    """As many lines as there is room for, in their order: open ones first, then failed ones."""
    if len(lines) <= room:
        return lines
    rank = {"open": 0, "failed": 1, "succeeded": 2}
    chosen = sorted(range(len(lines)), key=lambda at: (rank[lines[at].progress.result], at))[:room]
    return [lines[at] for at in sorted(chosen)]
