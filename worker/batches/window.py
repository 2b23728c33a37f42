"""The window: how many rows of a batch may be open at once, and when the next ones are sent.

    rows       over │ begun, or waiting for their turn │ not sent
                    └──────── at most the window ──────┘◄─ filled up once a quarter of it is free

All others who send requests stand in the same queue behind the rows that are sent: behind a window of them,
not behind all. And no row waits there for days, to be forgotten by the queue (four days).
"""

from __future__ import annotations

from typing import Final

from worker.batches.batch import Batch
from worker.batches.capping import rows_allowed

_PER_JOB: Final = 2
"""Rows for each job that may be in flight: one is in flight, the next one waits to take its place."""

_LEAST_ROWS: Final = 20
"""A manifest is read from its beginning each time: not for a row or two."""

_REFILL_SHARE: Final = 4


def window_rows(most: int, in_flight_most: int | None) -> int:
    """Rows that may be open: `most`, or fewer where only so many jobs may be in flight anyway."""
    if in_flight_most is None:
        return most
    return min(most, max(_LEAST_ROWS, _PER_JOB * in_flight_most))


def rows_to_send(batch: Batch, window: int) -> int:
    """So many good rows may be sent now, by the window and by the credit cap.

    0 while less than a quarter of the window is free: reading the manifest up to where it was left
    costs the same for one row as for many.
    """
    free = window - batch.open_rows
    unread = (batch.rows or 0) - batch.read
    if free < min(unread, max(1, window // _REFILL_SHARE)):
        return 0
    allowed = rows_allowed(batch)
    return free if allowed is None else min(free, allowed)
