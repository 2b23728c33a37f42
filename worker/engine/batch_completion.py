"""Completion: all rows are over; the list of results, then the event fixed, published, recorded.

report complete ─► event saved ─► event published ─► record says done
"""

from __future__ import annotations

import json

import structlog

from worker.batches import moves
from worker.batches.batch import Batch, Stop, Tally
from worker.batches.keys import batch_event_id
from worker.contracts.batch_event import (
    BatchCounts,
    BatchData,
    BatchErrorInfo,
    BatchEvent,
    BatchStatus,
    batch_attributes,
    batch_event,
)
from worker.engine import batch_marks
from worker.engine.batch_report import report
from worker.engine.batch_world import BatchInHand
from worker.engine.world import World
from worker.errors import OutputForbiddenError, OutputTakenError, RequestCancelledError

log = structlog.get_logger(__name__)


def settle(world: World, held: BatchInHand) -> bool:
    """Write the list of results and fix the event. False if that is not done yet."""
    tally, results = held.batch.tally, None
    refused: Stop | None = None
    try:
        # Of a manifest that could not be read there is nothing to list.
        if held.batch.rows is not None:
            listed = report(world, held)
            if listed is None:
                return False
            tally, results = listed.tally, str(listed.uri)
    except (OutputForbiddenError, OutputTakenError) as error:
        # The rows are over all the same, and whoever waits for the event has to hear of it.
        refused = Stop(code=error.code, message=f"the list of results: {error.message}")
    event = _event(world, held.batch, tally, results, held.batch.stop or refused)
    held.batch = moves.settle(held.batch, json.loads(event.dumps()), at=world.now())
    held.save()
    return True


def announce(world: World, held: BatchInHand) -> None:
    """Publish the fixed event and finish the batch. May be repeated: the event has the same id."""
    event = BatchEvent.model_validate(held.batch.event)
    world.topic.publish(event.dumps(), batch_attributes(event))
    batch_marks.mark_end(world, held.batch, event.data)
    held.batch = moves.finish(held.batch, at=world.now())
    held.save()
    log.info(
        f"the batch is over: {event.data.status}; its event is published",
        action="batch_completed",
        event_id=event.id,
        **event.data.counts.model_dump(),
    )


def _event(
    world: World, batch: Batch, tally: Tally, results: str | None, why: Stop | None
) -> BatchEvent:
    at = world.now()
    return batch_event(
        event_id=batch_event_id(batch),
        at=at,
        data=BatchData(
            batch_id=batch.batch_id,
            status=_status(batch, tally),
            counts=BatchCounts(
                rows=batch.rows or 0,
                succeeded=tally.succeeded,
                failed=tally.failed,
                refused=tally.refused,
                cancelled=tally.cancelled,
                skipped=tally.skipped,
            ),
            credits=tally.credits,
            results=results,
            error=BatchErrorInfo(code=why.code, message=why.message) if why else None,
            accepted_at=batch.accepted_at,
            completed_at=at,
            total_s=round(max(0.0, (at - batch.accepted_at).total_seconds()), 3),
        ),
    )


def _status(batch: Batch, tally: Tally) -> BatchStatus:
    if tally.cancelled or (batch.stop and batch.stop.code == RequestCancelledError.code):
        return "cancelled"
    if tally.succeeded == batch.rows:
        return "succeeded"
    return "partial" if tally.succeeded else "failed"
