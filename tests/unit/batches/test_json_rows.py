"""JSON lines, and one array of objects that is never held whole."""

import json
from typing import Any

import pytest

from tests.unit.batches.sources import problems_of, rows_of
from worker.batches.source_row import MAX_ROW_BYTES
from worker.errors import ManifestError

HARD: list[dict[str, Any]] = [
    {"sku": "1", "prompt": 'a "quoted" [bracket] {brace} \\ and \u00e9\U0001f9e5'},
    {"sku": "2", "input": {"a": [[], [{}], "]}"]}},
    {},
    {"sku": "\\\\"},
]


def patches_of(text: str | bytes, name: str, piece: int = 7) -> list[Any]:
    return [dict(row.patch) for row in rows_of(text, name, piece=piece) if row.problem is None]


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 64, 4096])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_an_array_is_read_whole_wherever_its_pieces_meet(
    piece: int, indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(HARD, indent=indent, ensure_ascii=is_ascii)
    assert patches_of(text, "rows.json", piece) == HARD


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.ndjson", "rows.json", "rows"])
def test_lines_are_read_whatever_the_file_is_called(name: str) -> None:
    text = "\ufeff" + "\r\n\n".join(json.dumps(one, ensure_ascii=False) for one in HARD)
    assert patches_of(text, name) == HARD


def test_rows_are_counted_and_lines_are_where_they_begin() -> None:
    assert [(row.row, row.line) for row in rows_of('{"a":1}\n\n{"a":2}\n', "a.jsonl")] == [
        (1, 1),
        (2, 3),
    ]
    array = '[\n  {"a":\n 1},\n\n  {"a": 2}\n]'
    assert [(row.row, row.line) for row in rows_of(array, "a.json")] == [(1, 2), (2, 5)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": 1}\n{"a": 1, "a": 2}\n7\n{"a" 3}\n{"a": 4}\n', "a.jsonl"),
        ('[{"a": 1},\n{"a": 1, "a": 2},\n7,\n{"a" 3},\n{"a": 4}]', "a.json"),
    ],
)
def test_bad_rows_are_told_and_the_others_are_read(text: str, name: str) -> None:
    assert patches_of(text, name) == [{"a": 1}, {"a": 4}]
    told = problems_of(text, name)
    assert [(row, line) for row, line, _ in told] == [(2, 2), (3, 3), (4, 4)]
    assert "stands twice" in told[0][2]
    assert told[1][2] == "is 7, not a JSON object"
    assert "not JSON" in told[2][2]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"a": "' + "x" * MAX_ROW_BYTES + '"}\n{"a": 2}\n', "a.jsonl"),
        ('[{"a": "' + "x" * MAX_ROW_BYTES + '"},\n{"a": 2}]', "a.json"),
        ("[" + "1" * (MAX_ROW_BYTES + 9) + ',{"a": 2}]', "a.json"),
    ],
)
def test_a_row_that_is_too_long_is_passed_over(text: str, name: str) -> None:
    rows = rows_of(text, name, piece=8_192)
    assert "262,144 bytes" in str(rows[0].problem)
    assert dict(rows[-1].patch) == {"a": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"a": 1}, {"a": ', "not closed"),
        ('[{"a": 1}', "not closed"),
        (b'[{"a": "\xe9"}]', "not UTF-8"),
        ("", "it is empty"),
        ('[{"a": 1}]\n[{"a": 2}]', "more behind its array, in line 2"),
    ],
)
def test_an_array_that_is_broken_says_so(text: str | bytes, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        rows_of(text, "a.json")


def test_an_array_that_no_visit_could_read_is_refused_before_it_is_read_and_lines_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.batches.manifest.MAX_ARRAY_BYTES", 10)
    with pytest.raises(ManifestError, match="of which at most 10 are read: save it as JSON lines"):
        rows_of('[{"sku": "1"}]', "rows.json")
    assert len(rows_of('{"sku": "1"}\n{"sku": "2"}', "rows.json")) == 2
