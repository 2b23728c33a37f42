"""CSV as spreadsheets and people write it."""

import pytest

from tests.unit.batches.sources import problems_of, rows_of, values_of
from worker.batches.manifest import count_rows
from worker.batches.source_row import MAX_ROW_BYTES
from worker.errors import ManifestError


@pytest.mark.parametrize(
    "text",
    [
        "sku,season\n1042,spring\n",
        "sku;season\n1042;spring\n",
        "sku\tseason\n1042\tspring\n",
        "\ufeffsku,season\r\n1042,spring\r\n",
        "sep=;\nsku;season\n1042;spring",
        ' sku , season \n"1042", spring ',
        "\n\nsku,season\n\n1042,spring\n,\n",
    ],
    ids=["comma", "semicolon", "tab", "BOM-and-CRLF", "sep", "spaces", "blank-lines"],
)
def test_each_form_gives_the_same_row(text: str) -> None:
    assert values_of(text) == [{"sku": "1042", "season": "spring"}]


def test_a_quoted_cell_may_hold_line_ends_delimiters_and_quotes() -> None:
    text = 'sku,input.prompt\n1042,"A woman,\nin a ""white"" jacket"\n1043,A man\n'
    assert [(row.row, row.line, row.values["input.prompt"]) for row in rows_of(text)] == [
        (1, 2, 'A woman,\nin a "white" jacket'),
        (2, 4, "A man"),
    ]


def test_a_line_that_is_not_utf8_is_told_and_the_others_are_read() -> None:
    text = b"sku,label\n1,jacket\n2,\xe9charpe\n3,coat\n"
    assert [one["sku"] for one in values_of(text)] == ["1", "3"]
    ((row, line, problem),) = problems_of(text)
    assert (row, line) == (2, 3)
    assert 'not UTF-8 behind "2,": save it as "CSV UTF-8"' in problem


def test_a_quote_that_is_never_closed_costs_its_own_row_and_no_other() -> None:
    text = 'sku,label\n1,"a jacket\n2,coat\n3,scarf\n'
    assert [one["sku"] for one in values_of(text)] == ["2", "3"]
    ((row, line, problem),) = problems_of(text)
    assert (row, line) == (1, 2)
    assert "a quote" in problem
    assert "not closed" in problem


def test_a_quote_that_is_closed_too_late_does_not_hide_a_line_that_is_too_long() -> None:
    text = 'sku,label\n1,"a\n' + "x" * (MAX_ROW_BYTES + 1) + "\n3,scarf\n"
    assert [(row, line) for row, line, _ in problems_of(text)] == [(1, 2), (2, 3)]
    assert values_of(text) == [{"sku": "3", "label": "scarf"}]


def test_text_behind_a_closing_quote_is_told() -> None:
    ((_, line, problem),) = problems_of('sku,label\n1,"a" b\n')
    assert line == 2
    assert "double the quotes" in problem


def test_cells_that_a_spreadsheet_left_out_at_the_end_are_empty() -> None:
    assert values_of("sku,season,label\n1042\n") == [{"sku": "1042", "season": "", "label": ""}]


def test_more_cells_than_columns_are_told() -> None:
    assert problems_of("sku,label\n1,a,b\n") == [
        (1, 2, "has 3 cells, the header has 2: quote a cell that holds the delimiter")
    ]


def test_empty_cells_beyond_the_columns_are_no_trouble() -> None:
    assert values_of("sku,label,\n1,a,\n") == [{"sku": "1", "label": "a"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        ("sku,sku\n1,2\n", 'the column "sku" stands twice'),
        ("sku,,label\n1,2,3\n", "column 2 has no name"),
        ("sku,label\n", "it has no rows"),
        (b"sku,l\xe9\n1,2\n", "line 1: is not UTF-8"),
        ("sku,label".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04....", "spreadsheet"),
        (b"\x1f\x8b....", "gzip"),
    ],
)
def test_a_file_that_is_no_manifest_says_what_to_do(text: str | bytes, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        count_rows(iter(rows_of(text)))


def test_a_file_of_quotes_that_are_opened_all_over_is_given_up_and_not_read_for_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.batches.csv_rows._AGAIN_MOST", 1_000)
    text = "sku,label\n" + 'x","\n' * 300
    with pytest.raises(ManifestError, match="quotes are opened and not closed all over it"):
        rows_of(text, piece=65_536)


@pytest.mark.parametrize(
    ("text", "said"),
    [("sku\ra\rb\r", "end lines with LF or CRLF"), ('sku,"label\n1,coat\n', "a quote")],
    ids=["carriage-returns", "quote"],
)
def test_a_header_that_is_no_csv_says_so(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        rows_of(text)


def test_a_cell_that_the_reader_cannot_hold_is_told_by_its_size() -> None:
    ((_, _, problem),) = problems_of("sku,label\n1," + "x" * 200_000 + "\n2,coat\n")
    assert "131,072 characters" in problem


def test_a_file_of_nothing_but_line_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.batches.lines.MAX_LINES", 50)
    assert len(rows_of("sku\n" + "1\n" * 48)) == 48
    with pytest.raises(ManifestError, match="more than 50 lines"):
        rows_of("sku\n1\n" + "\n" * 50)
