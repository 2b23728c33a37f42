"""A terminal gets bars; a file or a pipe gets one line for each thing that changes."""

import io

import pytest
from rich.console import Console

from sandbox.demo.progress import Progress
from sandbox.demo.show import Bars, Lines, show_for


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=30, _environ={})


def plain() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=40)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_bars_and_a_pipe_gets_lines() -> None:
    assert isinstance(show_for(terminal()), Bars)
    assert isinstance(show_for(plain()), Lines)


def test_a_line_is_written_only_when_something_changed() -> None:
    console = plain()
    with show_for(console) as show:
        show.step("starting")
        for share in (0.1, 0.2, 0.3):
            show.jobs([("one", Progress(share, "running", "a rather long name of a step"))])
        show.jobs([("one", Progress(1.0, "succeeded"))])

    told = [line.split(" s  ", 1)[1] for line in written(console).splitlines()]

    assert told == ["starting", "one: running (a rather long name of a step)", "one: succeeded"]


def test_control_characters_cannot_break_a_line() -> None:
    console = plain()
    with show_for(console) as show:
        show.jobs([("one", Progress(0.1, "failed", "first\nsecond [red]x[/red]"))])

    assert "first second [red]x[/red]" in written(console)


def test_bars_show_every_job_and_leave_the_last_picture_standing() -> None:
    console = terminal()
    with Bars(console) as show:
        show.step("starting")
        show.step("following")
        show.jobs([("one", Progress(0.4, "running", "naomi")), ("two", Progress(1, "succeeded"))])

    last = written(console).rsplit("hautech-worker demo", 1)[1]
    for words in ("starting", "following", "one", "naomi", "two", "succeeded", "✓"):
        assert words in last
    assert "…" not in last


def test_the_step_that_was_cut_short_is_marked_and_the_stopping_is_not() -> None:
    console = terminal()

    def interrupted() -> None:
        with Bars(console) as show:
            show.step("starting")
            show.step("following")
            show.step("stopping", after_trouble=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    last = written(console).rsplit("hautech-worker demo", 1)[1].splitlines()
    marks = {
        word: next(("✗" in line) for line in last if word in line)
        for word in ("starting", "following", "stopping")
    }
    assert marks == {"starting": False, "following": True, "stopping": False}
