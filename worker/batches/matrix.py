"""A matrix: every member of every list with every member of the others, one row each, made when asked.

{"imageId": [a, b], "seed": [1, 2, 3]}     row 1  a 1     row 4  b 1
                                               2  a 2         5  b 2
                                               3  a 3         6  b 3
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.batches.source_row import SourceRow

Matrix = Mapping[str, Sequence[Any]]
"""Lists of values by what they set: a field of the input, or a path such as `metadata.sku`."""


def matrix_size(matrix: Matrix) -> int:
    """How many rows it makes."""
    return math.prod(len(values) for values in matrix.values())


def matrix_rows(matrix: Matrix, *, after: int = 0) -> Iterator[SourceRow]:
    """The rows behind number `after`, the last list varying fastest."""
    for row in range(after + 1, matrix_size(matrix) + 1):
        yield _row(matrix, row)


def _row(matrix: Matrix, row: int) -> SourceRow:
    values: dict[str, Any] = {}
    rest = row - 1
    for name in reversed(tuple(matrix)):
        rest, index = divmod(rest, len(matrix[name]))
        values[name] = matrix[name][index]
    return SourceRow(row=row, line=row, values={name: values[name] for name in matrix})
