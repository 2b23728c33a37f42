"""Rows whose requests are lost, such as in a queue that was purged: sent again, or given up.

    nothing happens to a batch ─┬─ for a day ──────────────────────────► rows without a job are sent again
                                └─ for ten minutes, and it is cancelled ► they are given up

A request that was not lost but waits is sent twice then, and is one job all the same.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Final

import structlog

from worker.batches import moves
from worker.batches.moves import RowEnd
from worker.batches.states import RowMark, RowStatus
from worker.contracts.request import Request
from worker.engine.accept import read_request
from worker.engine.batch_rows import open_groups, read_rows
from worker.engine.batch_world import BatchInHand, rows_after
from worker.engine.world import World
from worker.errors import InvalidRequestError, ManifestError, RequestCancelledError

log = structlog.get_logger(__name__)

GIVE_UP_AFTER: Final = timedelta(minutes=10)

SEND_AGAIN_AFTER: Final = timedelta(days=1)
"""A request that waits is delivered for 19 hours, and most jobs are over sooner. Each day that nothing
happens at all, such as while Hautech is down, adds a message for each row that is open."""

_GROUP_S: Final = 8.0


def look_for_lost(world: World, held: BatchInHand) -> None:
    """Do something about open rows of a batch in which nothing has happened for long."""
    batch, now = held.batch, world.now()
    quiet_for = batch.quiet_for(now)
    if batch.over == batch.read or quiet_for < GIVE_UP_AFTER:
        return
    cancelled_at = world.batches.cancelled_at(batch.batch_id)
    if cancelled_at is None:
        if quiet_for >= SEND_AGAIN_AFTER:
            _send_again(world, held)
    elif batch.is_sent and now - cancelled_at >= GIVE_UP_AFTER:
        _give_up(world, held)
    held.save()


def _send_again(world: World, held: BatchInHand) -> None:
    lost: list[int] = []
    for group in open_groups(held.batch):
        if not held.has_time(_GROUP_S):
            return  # the next visit begins anew
        lost += _lost_of(world, held, group)
    if lost:
        log.warning(
            f"{len(lost)} rows from row {lost[0]} have no job: their requests are sent again",
            action="batch_rows_sent_again",
        )
        try:
            _send(world, held, lost)
        except ManifestError as error:
            message = f"its request was not seen again, and cannot be sent again: {error.message}"
            _end(world, held, lost, RowStatus.REFUSED, code=error.code, message=message)
    held.batch = moves.look_for(held.batch, lost, at=world.now())


def _send(world: World, held: BatchInHand, lost: list[int]) -> None:
    """Send the requests of these rows. Raises ManifestError when their manifest is not there any more."""
    maker, wanted = held.maker(), set(lost)

    def check(body: str) -> Request:
        return read_request(world, body)

    with rows_after(world, held, lost[0] - 1) as rows:
        sources = islice(rows, lost[-1] - lost[0] + 1)
        requests = [maker.request_of(row, check) for row in sources if row.row in wanted]
    # Rules may have become stricter since: such a row says so now.
    for one in requests:
        if one.problem is not None:
            code = InvalidRequestError.code
            _end(world, held, [one.row], RowStatus.REFUSED, code=code, message=one.problem)
    world.queue.send_requests([one.body for one in requests if one.problem is None])


def _give_up(world: World, held: BatchInHand) -> None:
    """Mark rows of a cancelled batch.

    A request that comes late all the same finds its batch cancelled, and is not paid for.
    """
    for group in open_groups(held.batch):
        if not held.has_time(_GROUP_S):
            return
        if lost := _lost_of(world, held, group):
            log.warning(
                f"{len(lost)} rows from row {lost[0]} have no job: given up, the batch is cancelled",
                action="batch_rows_lost",
            )
            code, message = RequestCancelledError.code, "its request was not seen again"
            _end(world, held, lost, RowStatus.CANCELLED, code=code, message=message)


def _lost_of(world: World, held: BatchInHand, group: range) -> list[int]:
    found = read_rows(world, held.batch.batch_id, group)
    return [one.row for one in found if one.job is None and one.mark is None]


def _end(
    world: World, held: BatchInHand, rows: list[int], status: RowStatus, *, code: str, message: str
) -> None:
    """These rows are over without a job; their marks say why."""
    marks = [RowMark(row=row, line=None, code=code, message=message) for row in rows]
    world.batches.mark_rows(held.batch.batch_id, marks)
    ends = {row: RowEnd(status=status) for row in rows}
    held.batch = moves.end_rows(held.batch, ends, at=world.now())
