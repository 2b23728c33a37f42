"""Expansion: rows become request messages, as many as the window has room for, in order.

    500 rows are next: saved ─► read 100 ─► check ─► send the good, mark the bad ─► … ─► the next 500

Bad rows take no room: however many there are, the good ones behind them are sent in the same visit.

A crash sends the rows since the last save again, under the same ids and with the same content: they are
the same jobs. No other row was ever sent, so what the record says of a batch is all that there is of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

import structlog

from worker.batches import moves
from worker.batches.capping import reason_to_stop
from worker.batches.rows import RowRequest
from worker.batches.source_row import SourceRow
from worker.batches.states import RowMark
from worker.batches.window import rows_to_send, window_rows
from worker.contracts.request import Request
from worker.contracts.text import one_line
from worker.engine.accept import is_past, read_request
from worker.engine.batch_world import BatchInHand, ReadingInterruptedError, rows_after
from worker.engine.world import World
from worker.errors import (
    InvalidRequestError,
    ManifestError,
    RequestCancelledError,
    RequestExpiredError,
)

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
    unsure_to = held.batch.sending
    stop_if_cancelled(world, held)
    _stop_if_expired(world, held)
    room = _room(world, held)
    if room == 0 or not held.has_time(_GROUP_S):
        return
    _begin_rows(world, held, room)
    try:
        with rows_after(world, held, held.batch.read) as rows:
            _send_rows(world, held, rows, room)
    except (ManifestError, ReadingInterruptedError) as error:
        if held.batch.read >= unsure_to:
            held.batch = moves.break_off(held.batch)
        elif isinstance(error, ManifestError):
            cancel_unsure(world, held, error)
        raise
    if held.batch.read >= unsure_to:
        held.batch = moves.break_off(held.batch)
    log.info(
        f"{held.batch.read:,} of {held.batch.rows:,} rows are sent",
        action="batch_expanded",
        rows=held.batch.rows,
        rows_read=held.batch.read,
        rows_bad=held.batch.bad,
    )
    held.save()


def _room(world: World, held: BatchInHand) -> int:
    """How many good rows may be sent by this visit.

    Those that a visit before it may have sent come first, and alone, whatever has happened since:
    what may be a job has to be followed.
    """
    batch = held.batch
    if batch.is_sent or batch.rows is None:
        return 0
    if batch.sending > batch.read:
        return batch.sending - batch.read
    if because := reason_to_stop(batch):
        held.batch = moves.stop(batch, "credit_cap", because, at=world.now())
        return 0
    rules = world.rules
    return rows_to_send(batch, window_rows(rules.batch_open_rows, rules.in_flight_most))


def _begin_rows(world: World, held: BatchInHand, room: int) -> None:
    """Make durable which rows are sent next, unless it is."""
    batch = held.batch
    if batch.sending <= batch.read:
        rows = min(_GROUP_ROWS * _CHECKPOINT_GROUPS, (batch.rows or 0) - batch.read, room)
        held.batch = moves.begin_rows(batch, batch.read + rows, at=world.now())
        held.save()


def _send_rows(world: World, held: BatchInHand, rows: Iterator[SourceRow], room: int) -> None:
    while True:
        left = held.batch.sending - held.batch.read
        room -= _send(world, held, [*islice(rows, min(_GROUP_ROWS, left))])
        if held.batch.sending == held.batch.read:
            if room == 0:
                return
            stop_if_cancelled(world, held)
            _stop_if_expired(world, held)
        if held.batch.is_sent or not held.has_time(_GROUP_S):
            return
        _begin_rows(world, held, room)


def cancel_unsure(world: World, held: BatchInHand, error: ManifestError) -> None:
    """Cancel the batch: its manifest is gone, and with it what could be sent again.

    Whether the rows that were begun with are on the queue nobody can find out. Cancelled, none of
    them is paid for after it was given up.
    """
    batch = held.batch
    world.batches.cancel(batch.batch_id, at=world.now())
    log.warning(
        f"whether rows {batch.read + 1:,} to {batch.sending:,} were sent is not known, and the "
        "manifest cannot be read any more: the batch is cancelled",
        action="batch_rows_unsure",
    )
    stopped = moves.stop(batch, error.code, error.message, at=world.now())
    held.batch = moves.lose_rows(stopped)


def stop_if_cancelled(world: World, held: BatchInHand) -> None:
    """Begin with no further row once somebody has cancelled the batch."""
    if held.batch.stop is not None or held.batch.is_sent:
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
