"""Rows of a JSON file: one object per line (JSONL), or one array of objects, read piece by piece."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from worker.batches.lines import ByteSource, Line
from worker.batches.source_row import MAX_ROW_BYTES, SourceRow, bad_row
from worker.contracts.json_text import read_json
from worker.contracts.text import shown
from worker.errors import MalformedRequestError, ManifestError

_CHUNK_BYTES: Final = 65_536

_MARKS = re.compile(r'["\\{}\[\]]')
"""What tells where a JSON value ends: strings hide the others, a backslash hides the next."""

_SPACE = re.compile(r"\s*")
_BETWEEN = re.compile(r"[\s,]*")
_BARE = re.compile(r"[^\s,\]]*")


def read_json_lines(lines: Iterator[Line]) -> Iterator[SourceRow]:
    """A row for each line that is not blank."""
    row = 0
    for line in lines:
        if line.data is not None and not line.data.strip():
            continue
        row += 1
        if line.data is None:
            yield bad_row(row, line.number, f"has more than {MAX_ROW_BYTES:,} bytes")
        else:
            yield _row(row, line.number, line.data)


def read_json_array(source: ByteSource) -> Iterator[SourceRow]:
    """A row for each element of the one array in `source`, which is held one element at a time.

    Raises ManifestError where the array itself is broken: what stands behind cannot be found.
    """
    text = _Window(source)
    text.skip(_SPACE)
    text.pass_over("[")
    row = 0
    while True:
        text.skip(_BETWEEN)
        if text.begins_with("]"):
            text.pass_over("]")
            _check_end(text)
            return
        row += 1
        line = text.line
        element = text.take_element()
        if element is None:
            yield bad_row(row, line, f"has more than {MAX_ROW_BYTES:,} bytes")
        else:
            yield _row(row, line, element.encode("utf-8", "surrogatepass"))


def _check_end(text: _Window) -> None:
    """Raise ManifestError for what stands behind the array: rows there would be left out unseen."""
    text.skip(_SPACE)
    if not text.is_ended:
        raise ManifestError(
            f"there is more behind its array, in line {text.line}: put all rows into one array"
        )


def _row(row: int, line: int, data: bytes) -> SourceRow:
    try:
        value = read_json(data, "it")
    except MalformedRequestError as error:
        return bad_row(row, line, error.message)
    if not isinstance(value, dict):
        return bad_row(row, line, f"is {shown(value)}, not a JSON object")
    return SourceRow(row=row, line=line, patch=value)


class _Window:
    """The part of a text that is being looked at; more is read when it is needed."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._is_ended = False
        self.line = 1
        """The number of the line that the window begins in."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing stands behind what was passed over."""
        return self._at >= len(self._text) and not self._read_more()

    def begins_with(self, mark: str) -> bool:
        """Whether the next character is that one. Raises ManifestError at the end of the text."""
        if self._at >= len(self._text) and not self._read_more():
            raise self._ended()
        return self._text[self._at] == mark

    def pass_over(self, mark: str) -> None:
        """Passes over that character, if it comes next."""
        if self.begins_with(mark):
            self._advance(self._at + 1)

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Passes over what the pattern takes, wherever the pieces of the text meet."""
        while True:
            match = pattern.match(self._text, self._at)
            end = match.end() if match else self._at
            self._advance(end)
            if end < len(self._text) or not self._read_more():
                return

    def take_element(self) -> str | None:
        """The text of the element that begins here; None when it is longer than a row may be."""
        if self._text[self._at] not in '{["':
            return self._take(self._end_of_bare())
        depth, position, is_in_string, is_too_long = 0, self._at, False, False
        while True:
            mark = _MARKS.search(self._text, position)
            if mark is None or (mark[0] == "\\" and mark.end() == len(self._text)):
                position = len(self._text) if mark is None else mark.start()
                if position - self._at > MAX_ROW_BYTES:
                    # Longer than anything of use: forgotten on the way, only its end is looked for.
                    is_too_long = True
                    self._advance(position)
                kept = position - self._at
                if not self._read_more():
                    raise self._ended()
                position = self._at + kept
                continue
            position = mark.end()
            if mark[0] == "\\":
                position += 1
                continue
            if mark[0] == '"':
                is_in_string = not is_in_string
            elif not is_in_string:
                depth += 1 if mark[0] in "{[" else -1
            if depth == 0 and not is_in_string:
                element = self._take(position)
                return None if is_too_long else element

    def _end_of_bare(self) -> int:
        """The end of a number or a word, which only what follows it tells."""
        while True:
            match = _BARE.match(self._text, self._at)
            end = match.end() if match else self._at
            if end < len(self._text) or end - self._at > MAX_ROW_BYTES or not self._read_more():
                return max(end, self._at + 1)

    def _take(self, end: int) -> str | None:
        element = self._text[self._at : end]
        self._advance(end)
        return element if len(element) <= MAX_ROW_BYTES else None

    def _advance(self, to: int) -> None:
        self.line += self._text.count("\n", self._at, to)
        self._at = to

    def _read_more(self) -> bool:
        """Reads a piece, and forgets what lies behind. False at the end."""
        if self._is_ended:
            return False
        self._text = self._text[self._at :]
        self._at = 0
        while not self._is_ended:
            chunk = self._source.read(_CHUNK_BYTES)
            self._is_ended = not chunk
            try:
                piece = self._decoder.decode(chunk, final=self._is_ended)
            except UnicodeDecodeError as error:
                line = self.line + self._text.count("\n")
                raise ManifestError(f"it is not UTF-8, near line {line}") from error
            if piece:
                self._text += piece
                return True
        return False

    def _ended(self) -> ManifestError:
        return ManifestError(f"its array is not closed: it ends in line {self.line} or behind it")
