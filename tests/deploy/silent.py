"""A job whose message was lost long ago, as reconcile finds it; and one that was just woken."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.deploy.orders import Desk
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.contracts.poll import PollMessage
from worker.contracts.request import content_digest, parse_request
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
