"""A manifest as a stream of rows, whatever its form: CSV, JSON lines, or one JSON array.

The bytes decide where the name does not. A manifest is read from its beginning each time: rows that
were read before are passed over, which takes a fraction of the time of sending them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from worker.batches.csv_rows import read_csv
from worker.batches.json_rows import read_json_array, read_json_lines
from worker.batches.lines import ByteSource, read_lines
from worker.batches.source_row import MAX_ROW_BYTES, MAX_ROWS, SourceRow
from worker.errors import ManifestError

MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
"""Of a manifest in S3: it is read from its beginning on every visit, and a visit has seconds."""

MAX_ARRAY_BYTES: Final = 64 * 1024 * 1024
"""Of one JSON array. It is read at 12 MB a second where it is all brackets, lines at twice that and more,
and a Lambda function of 512 MB has a third of a CPU: 20 s of the 50 that a visit has."""

_HEAD_BYTES: Final = 4_096
_NOT_TEXT: Final = (
    (b"PK\x03\x04", 'is a spreadsheet or an archive: save it as "CSV UTF-8"'),
    (b"\x1f\x8b", "is compressed with gzip: unpack it"),
    (b"\xff\xfe", 'is UTF-16 text: save it as "CSV UTF-8"'),
    (b"\xfe\xff", 'is UTF-16 text: save it as "CSV UTF-8"'),
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rows of a manifest, to be read once; `columns` are those of a CSV file, else None."""

    columns: tuple[str, ...] | None
    rows: Iterator[SourceRow]


def read_manifest(source: ByteSource, name: str, *, size_bytes: int) -> Manifest:
    """Begins to read a manifest; `name` is that of the file, whose ending tells CSV from JSON.

    Raises ManifestError (the rows do, too) for one that is none.
    """
    head = source.read(_HEAD_BYTES)
    for magic, what in _NOT_TEXT:
        if head.startswith(magic):
            raise ManifestError(f"it {what}")
    whole = _Joined(head, source)
    ending = name.rpartition(".")[2].lower()
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if ending in {"csv", "tsv", "txt"} or (ending not in _JSON_ENDINGS and first not in b"[{"):
        columns, rows = read_csv(read_lines(whole, max_bytes=MAX_ROW_BYTES))
        return Manifest(columns, rows)
    if not first:
        raise ManifestError("it is empty")
    if first == b"[" and ending not in {"jsonl", "ndjson"}:
        if size_bytes > MAX_ARRAY_BYTES:
            raise ManifestError(
                f"it is one JSON array of {size_bytes:,} bytes, of which at most {MAX_ARRAY_BYTES:,} "
                "are read: save it as JSON lines, an object on each, or send several batches"
            )
        return Manifest(None, read_json_array(whole))
    return Manifest(None, read_json_lines(read_lines(whole, max_bytes=MAX_ROW_BYTES)))


def count_rows(rows: Iterator[SourceRow]) -> int:
    """How many rows there are. Raises ManifestError for none, and for more than `MAX_ROWS`."""
    count = 0
    for _ in rows:
        count += 1
        if count > MAX_ROWS:
            raise ManifestError(f"it has more than {MAX_ROWS:,} rows: send it in several batches")
    if not count:
        raise ManifestError("it has no rows")
    return count


_JSON_ENDINGS: Final = frozenset({"json", "jsonl", "ndjson"})


class _Joined:
    """What was read already, then the rest."""

    def __init__(self, head: bytes, rest: ByteSource) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._rest.read(size)
