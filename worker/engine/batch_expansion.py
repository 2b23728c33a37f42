"""Expansion: rows become request messages, as many as the window has room for, in order.

    read 100 rows ─► check ─► send the good, mark the bad ─► … ─► every 500 rows: checkpoint saved

Bad rows take no room: however many there are, the good ones behind them are sent in the same visit.

A crash sends the rows since the last checkpoint again, under the same ids and with the same content:
they are the same jobs.
"""

from __future__ import annotations

from itertools import count, islice
from typing import Final

import structlog

from worker.batches import moves
from worker.batches.batch import RowMark
from worker.batches.capping import reason_to_stop
from worker.batches.rows import RowRequest
from worker.batches.source_row import SourceRow
from worker.batches.window import rows_to_send, window_rows
from worker.contracts.request import Request
from worker.contracts.text import one_line
from worker.engine.accept import is_past, read_request
from worker.engine.batch_world import BatchInHand, rows_after
from worker.engine.world import World
from worker.errors import InvalidRequestError, RequestCancelledError, RequestExpiredError

log = structlog.get_logger(__name__)

_GROUP_ROWS: Final = 100
"""Sent at once: ten full calls of ten messages."""

_CHECKPOINT_GROUPS: Final = 5

_GROUP_S: Final = 8.0
"""Time that must be left to begin with a group: what it takes when the queue is slow, and its save."""


def expand(world: World, held: BatchInHand) -> None:
    """Send what may be sent now. Sets a stop where nothing further may ever be.

    Raises ManifestError when the manifest cannot be read on.
    """
    stop_if_cancelled(world, held)
    _stop_if_expired(world, held)
    if held.batch.is_sent:
        return
    if because := reason_to_stop(held.batch):
        held.batch = moves.stop(held.batch, "credit_cap", because, at=world.now())
        return
    rules = world.rules
    room = rows_to_send(held.batch, window_rows(rules.batch_open_rows, rules.in_flight_most))
    if room == 0 or not held.has_time(_GROUP_S):
        return
    with rows_after(world, held, held.batch.read) as rows:
        for number in count(1):
            group = [*islice(rows, min(_GROUP_ROWS, room))]
            room -= _send(world, held, group)
            if number % _CHECKPOINT_GROUPS == 0:
                held.save()
                stop_if_cancelled(world, held)
                _stop_if_expired(world, held)
            if room == 0 or held.batch.is_sent or not held.has_time(_GROUP_S):
                break
    log.info(
        f"{held.batch.read:,} of {held.batch.rows:,} rows are sent",
        action="batch_expanded",
        rows=held.batch.rows,
        rows_read=held.batch.read,
        rows_bad=held.batch.bad,
    )
    held.save()


def stop_if_cancelled(world: World, held: BatchInHand) -> None:
    """Send no further row once somebody has cancelled the batch."""
    if held.batch.is_sent and held.batch.rows is not None:
        return
    cancelled_at = world.batches.cancelled_at(held.batch.batch_id)
    if cancelled_at is not None:
        because = f"the batch was cancelled at {cancelled_at:%Y-%m-%d %H:%M:%S} UTC"
        held.batch = moves.stop(held.batch, RequestCancelledError.code, because, at=world.now())


def _stop_if_expired(world: World, held: BatchInHand) -> None:
    if is_past(held.batch.expires_at, world):
        because = f"expiresAt: {held.batch.message['expiresAt']}: passed before all rows were sent"
        held.batch = moves.stop(held.batch, RequestExpiredError.code, because, at=world.now())


def _send(world: World, held: BatchInHand, group: list[SourceRow]) -> int:
    """Send the good rows of a group, and mark the others; how many good ones there are."""
    maker = held.maker()

    def check(body: str) -> Request:
        return read_request(world, body)

    requests = [maker.request_of(row, check) for row in group]
    bad = [_mark(one) for one in requests if one.problem is not None]
    if bad:
        world.batches.mark_rows(held.batch.batch_id, bad)
    good = [one.body for one in requests if one.problem is None]
    world.queue.send_requests(good)
    held.batch = moves.read_on(
        held.batch,
        requests[-1].row,
        bad=bad,
        pipelines=sum(one.pipelines for one in requests),
        at=world.now(),
    )
    return len(good)


def _mark(request: RowRequest) -> RowMark:
    message = one_line(request.problem or "", 600)
    code = InvalidRequestError.code
    return RowMark(row=request.row, line=request.line, code=code, message=message)
