"""Manifests as tests write them: text in, rows out, in pieces as small as one likes."""

from __future__ import annotations

import io

from worker.batches.manifest import read_manifest
from worker.batches.source_row import SourceRow


class InPieces:
    """Gives a few bytes at a time, so that every boundary falls somewhere."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data = io.BytesIO(data)
        self._piece = piece

    def read(self, size: int = -1, /) -> bytes:
        """See `ByteSource.read`."""
        return self._data.read(min(size, self._piece) if size >= 0 else self._piece)


def rows_of(text: str | bytes, name: str = "rows.csv", *, piece: int = 7) -> list[SourceRow]:
    """All rows of a manifest."""
    data = text.encode() if isinstance(text, str) else text
    return list(read_manifest(InPieces(data, piece), name, size_bytes=len(data)).rows)


def values_of(text: str | bytes, name: str = "rows.csv") -> list[dict[str, str]]:
    """The values of the rows of a CSV file that are not bad."""
    return [dict(row.values) for row in rows_of(text, name) if row.problem is None]


def problems_of(text: str | bytes, name: str = "rows.csv") -> list[tuple[int, int, str]]:
    """Row, line and reason of the bad rows."""
    return [(one.row, one.line, one.problem) for one in rows_of(text, name) if one.problem]
