"""Rows of a CSV file, as spreadsheets write it: comma, semicolon or tab; quotes; a byte order mark.

    sku;season;input.prompt        the header names the columns
    1042;spring;"A woman in a
    white jacket"                  quoted, a cell may hold line ends
    1043;spring;A man              a row of which a line cannot be read is told, the next one read

An opening quote that is never closed would swallow the rows behind it: only its own line is given
up, and those behind it are read again as if it were not there. That is done for many quotes,
but not for every line of a file that has one in each.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Final

from worker.batches.lines import Line
from worker.batches.source_row import MAX_ROW_BYTES, SourceRow, bad_row
from worker.contracts.filling import composed
from worker.contracts.text import shown, shown_key
from worker.errors import ManifestError

_DELIMITERS: Final = (",", ";", "\t")
_MAX_COLUMNS: Final = 1_000

_AGAIN_MOST: Final = 1_000_000
"""Lines that are read again, in all: a few seconds of work. Each quote may cost 256 KiB of lines."""

_SAVE_AS: Final = 'save it as "CSV UTF-8"'


class _UnreadableLineError(Exception):
    """A line that cannot be read; its message is the reason."""


class _Feed:
    """Hands lines to the CSV reader and remembers those of the record that it is in."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._again_left = _AGAIN_MOST
        self._taken: list[Line] = []
        self._taken_bytes = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        if line.data is None:
            raise _UnreadableLineError(f"has more than {MAX_ROW_BYTES:,} bytes")
        self._taken_bytes += len(line.data)
        if self._taken_bytes > MAX_ROW_BYTES:
            raise _UnreadableLineError(f"has more than {MAX_ROW_BYTES:,} bytes")
        return _decoded(line.data) + "\n"

    def begin(self) -> None:
        """The lines that were taken were a record."""
        self._taken, self._taken_bytes = [], 0

    @property
    def first_number(self) -> int:
        """The number of the record's first line."""
        return self._taken[0].number

    def give_up_first(self) -> None:
        """The record cannot be read: the lines behind its first one are read again.

        Raises ManifestError when that has been done for too many.
        """
        self._again_left -= len(self._taken) - 1
        if self._again_left < 0:
            raise ManifestError(
                f"quotes are opened and not closed all over it, as in line {self.first_number}: "
                'close them, or double the quotes (") that belong to the text'
            )
        self._again.extendleft(reversed(self._taken[1:]))
        self.begin()


def read_csv(lines: Iterator[Line]) -> tuple[tuple[str, ...], Iterator[SourceRow]]:
    """The names of the columns, and the rows, read as they are asked for.

    A row that has no text in any cell does not count. Cells lose the space around them. Raises
    ManifestError for a header that cannot be used.
    """
    head = _header_line(lines)
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        names = _checked(next(csv.reader([head], delimiter=delimiter, strict=True), []))
    except csv.Error as error:
        raise ManifestError(f"its header {_plain(error)}") from error
    return names, _rows(lines, names, delimiter)


def _rows(lines: Iterator[Line], names: tuple[str, ...], delimiter: str) -> Iterator[SourceRow]:
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    row = 0
    while True:
        feed.begin()
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except (csv.Error, _UnreadableLineError) as error:
            row += 1
            yield bad_row(row, feed.first_number, _plain(error))
            feed.give_up_first()
            continue
        if not any(cells):
            continue
        row += 1
        line = feed.first_number
        if any(cells[len(names) :]):
            problem = f"has {len(cells)} cells, the header has {len(names)}: quote a cell that holds the delimiter"
            yield bad_row(row, line, problem)
            continue
        # A spreadsheet leaves out the empty cells at the end.
        filled = cells + [""] * (len(names) - len(cells))
        yield SourceRow(row=row, line=line, values=dict(zip(names, filled, strict=False)))


def _header_line(lines: Iterator[Line]) -> str:
    for line in lines:
        if line.data is None:
            raise ManifestError(
                f"line 1 has more than {MAX_ROW_BYTES:,} bytes: end lines with LF or CRLF"
            )
        try:
            text = _decoded(line.data.removeprefix(b"\xef\xbb\xbf"))
        except _UnreadableLineError as error:
            raise ManifestError(f"line {line.number}: {error}") from error
        # Some spreadsheets tell each other the delimiter in a line of its own.
        if text.strip() and not text.lower().startswith("sep="):
            return text
    raise ManifestError("it is empty: the first line names the columns")


def _checked(cells: list[str]) -> tuple[str, ...]:
    names = tuple(composed(cell.strip()) for cell in cells)
    while names and not names[-1]:
        names = names[:-1]
    if len(names) > _MAX_COLUMNS:
        raise ManifestError(f"it has {len(names):,} columns, at most {_MAX_COLUMNS:,} are read")
    for index, name in enumerate(names):
        if not name:
            raise ManifestError(f"column {index + 1} has no name in the header")
        if name in names[:index]:
            raise ManifestError(f'the column "{shown_key(name)}" stands twice in the header')
    return names


def _decoded(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        near = data[: error.start].decode(errors="replace")[-20:]
        raise _UnreadableLineError(f"is not UTF-8 behind {shown(near)}: {_SAVE_AS}") from None
    if "\0" in text:
        raise _UnreadableLineError("has a NUL character")
    return text


def _plain(error: Exception) -> str:
    """What the CSV reader says, in words for people."""
    text = str(error)
    if "new-line character" in text:
        return "has a bare carriage return (CR): end lines with LF or CRLF"
    if "field limit" in text:
        return f'has a cell of more than {csv.field_size_limit():,} characters, or a quote (") that is not closed'
    if "unexpected end of data" in text:
        return 'has a quote (") that is not closed: close it, or double it'
    if "expected after" in text:
        return "has text behind a closing quote: double the quotes that belong to the text"
    return text
