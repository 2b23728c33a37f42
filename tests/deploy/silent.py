"""Jobs and batches with a past: lost and silent for long, just woken, carried for half a day."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.deploy.orders import Desk
from worker.adapters.aws.batch_store import DynamoBatchStore
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.batches import moves
from worker.contracts.batch import batch_digest, parse_batch
from worker.contracts.follow import FollowMessage
from worker.contracts.poll import PollMessage
from worker.contracts.request import content_digest, parse_request
from worker.engine.batch_following import RENEW_AFTER
from worker.jobs import transitions
from worker.jobs.job import Job
from worker.jobs.plan import plan_images, plan_steps

_SILENT = timedelta(hours=2)


def silent_job(desk: Desk, document: dict[str, Any]) -> str:
    """Records a request that was accepted and of which nothing was heard since; its id."""
    return _record(desk, _accepted(desk, document)).request_id


def woken_job(desk: Desk, document: dict[str, Any]) -> str:
    """The same after reconcile has sent its poll message; its id."""
    accepted = _accepted(desk, document)
    job = _record(desk, transitions.wake(accepted, because="silent", at=datetime.now(UTC)))
    outputs = desk.stage.outputs
    desk.stage.aws.client("sqs").send_message(
        QueueUrl=outputs.poll_queue_url,
        MessageBody=PollMessage(request_id=job.request_id, ticket=job.poll_ticket).dumps(),
    )
    return job.request_id


def carried_batch(desk: Desk) -> str:
    """Records a batch whose follow message was sent half a day ago, and sends that; its id."""
    document = desk.batch(["7:10"])
    outputs = desk.stage.outputs
    message = parse_batch(
        json.dumps(document),
        input_buckets=frozenset({outputs.input_bucket_name}),
        output_buckets=frozenset({outputs.output_bucket_name}),
    )
    begun_at = datetime.now(UTC) - RENEW_AFTER
    batch = moves.accept(
        batch_id=message.batch_id,
        message=document,
        content_digest=batch_digest(message),
        at=begun_at,
    )
    client = desk.stage.aws.client("dynamodb")
    store = DynamoBatchStore(client, outputs.job_table_name, now=lambda: begun_at)
    assert store.create(batch) is None
    desk.stage.aws.client("sqs").send_message(
        QueueUrl=outputs.poll_queue_url,
        MessageBody=FollowMessage(batch_id=batch.batch_id, ticket=batch.ticket).dumps(),
    )
    return batch.batch_id


def _accepted(desk: Desk, document: dict[str, Any]) -> Job:
    outputs = desk.stage.outputs
    request = parse_request(
        json.dumps(document),
        input_buckets=frozenset({outputs.input_bucket_name}),
        output_buckets=frozenset({outputs.output_bucket_name}),
    )
    steps = plan_steps(request)
    return transitions.accept(
        request_id=request.request_id,
        request=document,
        content_digest=content_digest(request),
        message_digest="0" * 64,
        steps=steps,
        images=plan_images(steps),
        at=datetime.now(UTC) - _SILENT,
    )


def _record(desk: Desk, job: Job) -> Job:
    store = DynamoJobStore(desk.stage.aws.client("dynamodb"), desk.stage.outputs.job_table_name)
    assert store.create(job) is None
    desk.sent.append(job.request_id)
    return job
