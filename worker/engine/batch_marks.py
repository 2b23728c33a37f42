"""What people see in S3 of a list that was dropped, beside the list of results.

    a row succeeded    spring.error.json is taken away
    none did           spring.error.json says why, in plain words
    cancelled          nothing: somebody knows

It may be repeated, and decides nothing: what cannot be written is told in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from worker.batches.batch import Batch
from worker.contracts.batch_event import BatchData
from worker.contracts.drop_error import NO_ROW, DropError
from worker.contracts.drop_origin import drop_of
from worker.contracts.s3_uri import S3Uri
from worker.engine.drop_marks import take_error_away, tell_trouble, write_error
from worker.engine.world import World
from worker.errors import WorkerError

_ROWS_TOLD: Final = 5


def mark_end(world: World, batch: Batch, ended: BatchData) -> None:
    """Show in S3 how the batch of a dropped list ended. Raises nothing of ours."""
    drop = drop_of(batch.message)
    if drop is None or drop.error is None or ended.status == "cancelled":
        return
    place = S3Uri.parse(drop.error)
    try:
        if ended.status != "failed":
            take_error_away(world, place, drop)
            return
        said = DropError(
            photo=drop.source,
            code=ended.error.code if ended.error else NO_ROW,
            details=[*_reasons(batch, ended)],
            rule=drop.rule,
            at=ended.completed_at,
        )
        write_error(world, place, said)
    except WorkerError as error:
        tell_trouble(drop.source, error)


def _reasons(batch: Batch, ended: BatchData) -> Iterator[str]:
    """Why the list gave nothing: what stopped it, its first bad rows, where all are told."""
    if ended.error is not None:
        yield ended.error.message
    for mark in batch.first_bad[:_ROWS_TOLD]:
        where = f"row {mark.row}" if mark.line is None else f"line {mark.line}"
        yield f"{where}: {mark.message}"
    if ended.results is not None:
        yield f"all rows: {ended.results}"
