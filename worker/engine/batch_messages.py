"""A batch message of the requests queue: recorded, and handed over to a follow message.

    batch message ─► record ─► follow message on the polls queue ─► batch message deleted
                       └── a crash here: it comes again, and the record gets a new ticket

Nothing of the batch is done here: the requests queue gives a message up after 100 deliveries, and a
batch may take days.
"""

from __future__ import annotations

import json

import structlog

from worker.batches import moves
from worker.batches.document import MAX_NEW_BYTES, is_too_large
from worker.batches.keys import batch_refusal_event_id
from worker.contracts.batch import (
    BatchMessage,
    batch_digest,
    parse_batch,
)
from worker.contracts.batch_event import (
    BatchCounts,
    BatchData,
    BatchErrorInfo,
    batch_attributes,
    batch_event,
)
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.ids import is_batch_id
from worker.contracts.presets import PRESET, template_with_preset
from worker.contracts.readable import readable_batch_id
from worker.engine import drop_marks
from worker.engine.follow import send_follow
from worker.engine.world import World
from worker.errors import (
    InvalidRequestError,
    PermanentError,
    Problem,
    RequestConflictError,
    RequestError,
)
from worker.jobs.job import JsonObject
from worker.jobs.outcomes import Done, Outcome

log = structlog.get_logger(__name__)


class BatchMessages:
    """Takes batches in. Raises whatever goes wrong before one is recorded."""

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(self, body: str) -> Outcome:
        """What to do with a batch message, after recording the batch."""
        world = self._world
        try:
            message = self._parse(body)
            structlog.contextvars.bind_contextvars(batch_id=message.batch_id)
            asked_for = self._with_preset(message)
        except RequestError as error:
            return self._refuse(body, error)
        batch = moves.accept(
            batch_id=message.batch_id,
            message=_as_json(asked_for),
            content_digest=batch_digest(message),
            at=world.now(),
        )
        if is_too_large(batch):
            field = "request" if message.matrix is None else "matrix"
            rule = f"makes a record of more than {MAX_NEW_BYTES:,} bytes"
            problem = Problem(field, "", rule, "send a manifest, or several batches")
            return self._refuse(body, InvalidRequestError([problem]))
        known = world.batches.create(batch)
        if known is None:
            send_follow(world, batch, delay_s=0)
            log.info("batch accepted; its rows are counted next", action="batch_accepted")
            return Done()
        if known.content_digest != batch.content_digest:
            conflict = RequestConflictError(
                f"batchId: {message.batch_id}: was used at {known.accepted_at:%Y-%m-%d %H:%M:%S} UTC "
                "with other content; that batch is untouched (send this one under a new id)"
            )
            return self._refuse(body, conflict)
        if not known.state.is_final:
            # Whether the message before it was sent is not known: this one takes its place.
            because = "its batch message came again"
            carried = world.batches.save(moves.carry(known, because=because, at=world.now()))
            send_follow(world, carried, delay_s=0)
        log.info(
            f"the batch message came again; the batch is {known.state}", action="batch_repeated"
        )
        return Done()

    def _parse(self, body: str) -> BatchMessage:
        rules = self._world.rules
        return parse_batch(
            body, input_buckets=rules.input_buckets, output_buckets=rules.output_buckets
        )

    def _with_preset(self, message: BatchMessage) -> BatchMessage:
        """The message with its preset below its template: all rows are of what it says now.

        A batch that is known means what it meant when it was taken in. Raises InvalidRequestError, or
        what reading the rules raises.
        """
        if message.request.get(PRESET) is None:
            return message
        known = self._world.batches.load(message.batch_id)
        if known is not None and known.content_digest == batch_digest(message):
            return message
        template = template_with_preset(message.request, self._world.drops.presets())
        return self._parse(json.dumps({**_as_json(message), "request": template}))

    def _refuse(self, body: str, error: PermanentError) -> Outcome:
        """Announce that a message never became a batch: an event, then a dead letter."""
        at = self._world.now()
        batch_id = readable_batch_id(body)
        event = batch_event(
            event_id=batch_refusal_event_id(body),
            at=at,
            data=BatchData(
                batch_id=batch_id if is_batch_id(batch_id) else None,
                status="failed",
                counts=BatchCounts(rows=0),
                error=BatchErrorInfo(code=error.code, message=error.message),
                accepted_at=at,
                completed_at=at,
                total_s=0.0,
            ),
        )
        self._world.topic.publish(event.dumps(), batch_attributes(event))
        reason = DeadLetterReason(
            error_code=error.code,
            error_message=error.message,
            error_stage="accept",
            request_id=None,
            event_id=event.id,
            failed_at=at,
        )
        self._world.queue.send_dead_letter(body, reason)
        drop_marks.mark_refusal(self._world, body, error)
        log.warning(
            f"the batch message was refused, announced and dead-lettered: {error.message}",
            action="batch_rejected",
            error_code=error.code,
            event_id=event.id,
        )
        return Done()


def _as_json(message: BatchMessage) -> JsonObject:
    document: JsonObject = json.loads(message.model_dump_json(exclude_unset=True))
    return document
