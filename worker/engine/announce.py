"""announce: the verdict becomes a document in S3, an event on SNS and, if need be, a dead letter.

outputs verified ─► verdict saved ─► document ─► event ─► (dead letter) ─► (marks of a dropped
photo) ─► record says over
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import structlog

from worker.batches.states import RowMark
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.drop_origin import drop_of
from worker.contracts.readable import (
    is_own_event,
    readable_batch_row,
    readable_metadata,
    readable_request_id,
    readable_workflow,
)
from worker.contracts.result import (
    Input,
    PipelineUse,
    ResultData,
    ResultEvent,
    Status,
    Timings,
    message_attributes,
    result_event,
)
from worker.contracts.text import one_line
from worker.engine import drop_marks
from worker.engine.collect import Collected, result_ids
from worker.engine.result_document import write_document
from worker.engine.variants import error_info, variant_results
from worker.engine.world import HeldJob, World
from worker.errors import (
    MalformedRequestError,
    PermanentError,
    RecordTooLargeError,
    RequestCancelledError,
    Stage,
)
from worker.jobs import keys
from worker.jobs.job import Failure, Job, JsonObject
from worker.jobs.keys import rejection_event_id
from worker.jobs.transitions import finish, settle
from worker.ports.topic import ResultTopic

log = structlog.get_logger(__name__)

_ECHO = (
    "the message is a result event of this worker, not a request: the result topic delivers to the "
    "requests queue (end that subscription)"
)

_MARKS_S = 10.0
"""Time that must be left to announce a dropped photo: a few objects are copied within S3, too."""

_EVENT_MAX_BYTES = 256 * 1024
"""Source: SNS quotas, message size; the attributes count."""

_INPUTS_MAX_BYTES = 8 * 1024
"""Five photos at least, with the longest keys. The records keep this room for them."""


def settle_success(world: World, held: HeldJob, collected: Collected) -> None:
    """Fix the verdict "succeeded" and its event in the record."""
    at, outputs = world.now(), collected.outputs
    event = _event(held.job, at, collected, failure=None)
    _check_size(event)
    because = f"{len(outputs)} output(s) verified in S3" if outputs else "no picture to collect"
    if event.data.partial:
        missing = sum(one.status == "failed" for one in event.data.variants)
        because += f"; {missing} of {len(event.data.variants)} variants failed"
    open_job = held.job
    held.job = settle(open_job, event=_as_json(event), failure=None, at=at, because=because)
    try:
        held.save()
    except RecordTooLargeError:
        # The verdict is not fixed, and never will be in this form: the job can still fail.
        held.job = open_job
        raise


def _check_size(event: ResultEvent) -> None:
    """Raise RecordTooLargeError for an event that the topic would refuse for ever."""
    attributes = message_attributes(event)
    size_bytes = len(event.dumps().encode()) + sum(
        len((name + "String" + value).encode()) for name, value in attributes.items()
    )
    if size_bytes > _EVENT_MAX_BYTES:
        raise RecordTooLargeError(
            f"job {event.subject}: its event would have {size_bytes:,} bytes, and SNS carries at "
            f"most {_EVENT_MAX_BYTES:,}: the {len(event.data.outputs)} picture(s) are in S3; ask "
            "for fewer, or under shorter keys"
        )


def settle_failure(world: World, held: HeldJob, error: PermanentError, stage: Stage) -> None:
    """Fix the verdict "failed" and its event in the record. No success can follow."""
    at = world.now()
    failure = Failure.of(error, stage)
    none = Collected(variants=variant_results(held.job, {}, {}, failure))
    event = _event(held.job, at, none, failure=failure)
    held.job = settle(held.job, event=_as_json(event), failure=failure, at=at)
    held.save()


def announce(world: World, held: HeldJob) -> None:
    """Publish the fixed event of a settled job and finish the job.

    Everything here may be repeated: the document has the same text, the event has the same id,
    the dead letter names the same event.
    """
    job = held.job
    if drop_of(job.request) is not None:
        held.need(_MARKS_S, "the announcement, and putting a dropped photo aside")
    event = ResultEvent.model_validate(job.event)
    held.renew_if_short()
    write_document(world, held, event)
    held.renew_if_short()
    publish(world.topic, event, trace=job.trace)
    if job.failure is not None and job.failure.code != RequestCancelledError.code:
        # Whoever cancels a batch knows; a dead letter per row would only be in the way.
        reason = _reason(event, job.failure)
        held.renew_if_short()
        # In ASCII: SQS refuses some characters that JSON may hold, and escapes them all the same.
        world.queue.send_dead_letter(json.dumps(job.request), reason)
    drop_marks.mark_end(world, held)
    held.job = finish(held.job, at=world.now())
    held.release()
    took_s = (world.now() - job.open_since).total_seconds()
    error_code = job.failure.code if job.failure else None
    world.observer.job_over(event.data.status, error_code, max(0.0, took_s))
    log.info(
        f"{event.data.status}; the event is published and the job is over",
        action=f"job_{event.data.status}",
        job_state=held.job.state,
        event_id=event.id,
        error_code=error_code,
    )


def publish(topic: ResultTopic, event: ResultEvent, *, trace: str | None = None) -> None:
    """Publish a result event, byte for byte the same each time, as part of that trace."""
    topic.publish(event.dumps(), message_attributes(event), trace=trace)


def reject(
    world: World,
    body: str,
    error: PermanentError,
    *,
    event_id: str | None = None,
    trace: str | None = None,
) -> None:
    """Announce that a message never became a job: a failed event, then a dead letter.

    There is no record, so that a corrected request can be sent under the same id. Unless it is
    given, the event's id is derived from the message, so a redelivery announces the same event.

    A result event of ours, which a subscription brought back, is put away and not announced: the
    event about it would come back, too, and so on for ever.
    """
    is_echo = is_own_event(body)
    if is_echo:
        error = MalformedRequestError(_ECHO)
    at = world.now()
    failure = Failure(code=error.code, message=error.message, stage="accept", retryable=False)
    event = result_event(
        event_id=event_id or rejection_event_id(body),
        at=at,
        data=ResultData(
            request_id=readable_request_id(body),
            workflow=readable_workflow(body),
            status="failed",
            error=error_info(failure),
            timings=Timings(accepted_at=at, settled_at=at, total_s=0.0),
            metadata=readable_metadata(body),
        ),
    )
    if not is_echo:
        publish(world.topic, event, trace=trace)
    reason = _reason(event, failure)
    world.queue.send_dead_letter(body, replace(reason, event_id=None) if is_echo else reason)
    drop_marks.mark_refusal(world, body, error)
    if row := readable_batch_row(body):
        mark = RowMark(
            row=row.row, line=None, code=error.code, message=one_line(error.message, 600)
        )
        world.batches.mark_rows(row.id, [mark])
    world.observer.refused(error.code)
    done = "refused and dead-lettered" if is_echo else "refused, announced and dead-lettered"
    log.warning(
        f"the message was {done}: {error.message}",
        action="request_rejected",
        request_id=event.data.request_id,
        error_code=error.code,
        event_id=event.id,
    )


def dead_letter(world: World, body: str, error: PermanentError) -> None:
    """Put away a message that nobody outside waits for, such as one that is no poll message."""
    at = world.now()
    reason = DeadLetterReason(
        error_code=error.code,
        error_message=error.message,
        error_stage="poll",
        request_id=readable_request_id(body),
        event_id=None,
        failed_at=at,
    )
    world.queue.send_dead_letter(body, reason)
    log.warning(
        f"dead-lettered: {error.message}",
        action="poll_dead_lettered",
        error_code=error.code,
    )


def _event(job: Job, at: datetime, collected: Collected, *, failure: Failure | None) -> ResultEvent:
    status: Status = "failed" if failure else "succeeded"
    return result_event(
        event_id=keys.event_id(job, status, failure.code if failure else None),
        at=at,
        data=ResultData(
            request_id=job.request_id,
            workflow=job.workflow,
            status=status,
            outputs=collected.outputs,
            result=result_ids(job),
            pipelines=[
                PipelineUse(step=step.name, pipeline_id=run.pipeline_id, credits=run.credits)
                for step in job.steps
                for run in (*step.earlier, *((step.pipeline,) if step.pipeline else ()))
            ],
            inputs=_inputs(job),
            error=error_info(failure) if failure else None,
            variants=collected.variants,
            partial=not failure and any(one.error for one in collected.variants),
            timings=_timings(job, at),
            metadata=job.metadata,
        ),
    )


def _inputs(job: Job) -> list[Input]:
    """The photos that were changed, as far as an event has room for them."""
    inputs: list[Input] = []
    left_bytes = _INPUTS_MAX_BYTES
    for one in job.developed:
        image = job.images[one.image]
        told = Input(uri=image.uri, image_id=image.image_id, changes=one.changes)
        left_bytes -= len(told.model_dump_json().encode())
        if left_bytes >= 0:
            inputs.append(told)
    return inputs


def _timings(job: Job, at: datetime) -> Timings:
    runs = [step.pipeline for step in job.steps if step.pipeline]
    ends = [run.ended_at for run in runs if run.ended_at]
    return Timings(
        accepted_at=job.accepted_at,
        submitted_at=min((run.submitted_at for run in runs), default=None),
        pipeline_ended_at=max(ends, default=None),
        settled_at=at,
        total_s=round((at - job.accepted_at).total_seconds(), 3),
    )


def _reason(event: ResultEvent, failure: Failure) -> DeadLetterReason:
    return DeadLetterReason(
        error_code=failure.code,
        error_message=failure.message,
        error_stage=failure.stage,
        request_id=event.data.request_id,
        event_id=event.id,
        failed_at=event.time,
    )


def _as_json(event: ResultEvent) -> JsonObject:
    document: JsonObject = json.loads(event.dumps())
    return document
