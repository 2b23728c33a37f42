"""A terminal gets a table of what was dropped; a file or a pipe one line for each thing that changes."""

import io

from rich.console import Console

from sandbox.drop.rows import Row, growing_row
from sandbox.drop.show import DropLines, DropTable, drop_show_for

DONE = Row(
    file="coat.jpg", rule="garments", word="done", files=("pictures/coat-1.png",), is_over=True
)


def terminal(height: int = 30) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=110, height=height, _environ={})


def plain() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=40)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_gets_a_table_and_a_pipe_gets_lines() -> None:
    assert isinstance(drop_show_for(terminal()), DropTable)
    assert isinstance(drop_show_for(plain()), DropLines)


def test_the_table_has_file_rule_state_and_picture_and_says_what_to_do() -> None:
    console = terminal()
    with DropTable(console) as show:
        show.invite("Copy photos into demo-drop/inbox.")
        show.rows([DONE])

    last = written(console).rsplit("hautech-worker drop folder", 1)[1]
    for words in ("file", "rule", "state", "picture", "coat.jpg", "garments", "done", "coat-1.png"):
        assert words in last
    assert "Copy photos into demo-drop/inbox." in last


def test_of_many_files_the_last_ones_are_shown() -> None:
    console = terminal(height=24)
    rows = [Row(file=f"coat-{number:03}.jpg", word="queued") for number in range(200)]
    with DropTable(console) as show:
        show.rows(rows)

    last = written(console).rsplit("hautech-worker drop folder", 1)[1]
    assert "coat-199.jpg" in last
    assert "coat-100.jpg" not in last
    assert "190 before these" in last


def test_a_line_is_written_only_when_something_changed() -> None:
    console = plain()
    with DropLines(console) as show:
        for _ in range(3):
            show.rows([growing_row("coat.jpg")])
        for _ in range(3):
            show.rows([Row(file="coat.jpg", rule="garments", word="running", detail="naomi")])
        show.rows([DONE])

    told = [line.split(" s  ", 1)[1] for line in written(console).splitlines()]
    assert told == [
        "coat.jpg: [garments] running (naomi)",
        "coat.jpg: [garments] done -> pictures/coat-1.png",
    ]


def test_the_name_of_a_file_cannot_break_a_line_or_the_terminal() -> None:
    name = "a\nb\x1b[31m\udce9.jpg"
    lines, table = plain(), terminal()
    with DropLines(lines) as show:
        show.rows([Row(file=name, word="failed")])
    with DropTable(table) as live:
        live.rows([Row(file=name, word="failed")])

    assert "a?b?[31m?.jpg: failed" in written(lines)
    assert "a?b?[31m?.jpg" in written(table)
