"""The lines of a stream, in constant memory: one that is too long is passed over, not held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from worker.errors import ManifestError

_CHUNK_BYTES: Final = 65_536

MAX_LINES: Final = 2_000_000
"""Far more than 100,000 rows and the million blank lines that spreadsheets leave behind them."""


class ByteSource(Protocol):
    """Where bytes come from, such as an object in S3."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `data` is None if it is longer than allowed."""

    number: int
    data: bytes | None


def read_lines(source: ByteSource, *, max_bytes: int) -> Iterator[Line]:
    """Every line, also one without an end. Line ends are LF or CRLF; numbers begin with 1.

    Raises ManifestError behind line `MAX_LINES`.
    """
    held: list[bytes] = []
    number, held_bytes, is_too_long = 1, 0, False
    while chunk := source.read(_CHUNK_BYTES):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            is_long = is_too_long or held_bytes + len(piece) > max_bytes
            data = None if is_long else b"".join((*held, piece)).removesuffix(b"\r")
            yield Line(number, data)
            if number == MAX_LINES:
                raise ManifestError(
                    f"it has more than {MAX_LINES:,} lines: leave out the blank ones"
                )
            number, held, held_bytes, is_too_long = number + 1, [], 0, False
        held_bytes += len(rest)
        is_too_long = is_too_long or held_bytes > max_bytes
        held = [] if is_too_long else [*held, rest]
    if held_bytes:
        yield Line(number, None if is_too_long else b"".join(held).removesuffix(b"\r"))
