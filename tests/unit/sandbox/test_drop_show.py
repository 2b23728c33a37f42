"""A terminal gets a table of what was dropped; a file or a pipe one line for each thing that changes."""

import io

from rich.console import Console
from rich.text import Text

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
        show.step("on")
        last = written(console).rsplit("hautech-worker drop folder", 1)[1]

    for words in ("file", "rule", "state", "picture", "coat.jpg", "garments", "done", "coat-1.png"):
        assert words in last
    assert "Copy photos into demo-drop/inbox." in last


def test_of_many_files_the_last_ones_are_shown() -> None:
    console = terminal(height=24)
    rows = [Row(file=f"coat-{number:03}.jpg", word="queued") for number in range(200)]
    with DropTable(console) as show:
        show.rows(rows)
        show.step("something else")
        live = written(console).rsplit("hautech-worker drop folder", 1)[1]

    last = written(console).rsplit("hautech-worker drop folder", 1)[1]
    assert "coat-199.jpg" in live
    assert "coat-100.jpg" not in live
    assert "190 before these" in live
    assert "before these" not in last
    assert all(row.file in last for row in rows), "all are left standing"


def test_what_failed_is_told_in_full_at_the_end() -> None:
    console = terminal()
    reason = "The file is not a photo that can be used. Save it as JPEG or PNG and put it in again."
    with DropTable(console) as show:
        show.invite("Copy photos into demo-drop/inbox.")
        show.rows([DONE, Row(file="no.jpg", word="failed", detail=reason, reasons=(reason,))])

    last = written(console).rsplit("hautech-worker drop folder", 1)[1]
    lines = [line.rstrip() for line in Text.from_ansi(last).plain.splitlines()]
    assert lines[lines.index("no.jpg") + 1] == f"  {reason}"
    assert "Copy photos" not in last, "nobody looks any more"


def test_a_notice_stands_until_it_is_taken_away() -> None:
    console, lines = terminal(), plain()
    with DropTable(console) as show:
        show.notice("rules.yaml has 1 problem")
        show.step("on")
        assert "rules.yaml has 1 problem" in written(console)
        show.notice("")
    with DropLines(lines) as told:
        told.notice("one\ntwo")

    last = written(console).rsplit("hautech-worker drop folder", 1)[1]
    assert "rules.yaml" not in last
    assert [line.split(" s  ", 1)[1] for line in written(lines).splitlines()] == ["one", "two"]


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
