"""What is left after a run, gathered from the other side: Hautech's runs, queues, table, objects.

Worker logs are asked for errors and secrets only; what was done is never taken from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.local import LocalStack
from tests.chaos.crew import End
from tests.chaos.orders import Order
from worker.adapters.aws.job_rows import KEY_PREFIX
from worker.jobs.job import Job

_DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidRun:
    """One run that Hautech was paid for, as Hautech remembers it."""

    pipeline_id: str
    request_id: str
    step: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One message of the dead-letter queue."""

    body: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the checks look at.

    Attributes:
        orders: what was asked for.
        runs: what Hautech was paid for.
        events: every event that arrived, copies included, in that order.
        dead_letters: all of them.
        jobs: the durable records by request id.
        records: all items of the table as text, whatever they are.
        objects: SHA-256 of each object in the output bucket, by URI.
        documents: the text of each result document, by URI.
        in_queues: messages left by queue, hidden and delayed ones included.
        ends: how each worker process ended; its log is a file.
        secrets: what must never be seen, by what it is.
    """

    orders: Sequence[Order]
    runs: Sequence[PaidRun]
    events: Sequence[Mapping[str, Any]]
    dead_letters: Sequence[DeadLetter]
    jobs: Mapping[str, Job]
    records: Mapping[str, str]
    objects: Mapping[str, str]
    documents: Mapping[str, str]
    in_queues: Mapping[str, int]
    ends: Sequence[End]
    secrets: Mapping[str, str]


def gather(
    stack: LocalStack,
    *,
    orders: Sequence[Order],
    events: Sequence[Mapping[str, Any]],
    ends: Sequence[End],
    secrets: Mapping[str, str],
) -> Evidence:
    """Reads all of it. The services must still run; the workers should not."""
    objects, documents = _objects(stack)
    jobs = {order.request_id: stack.job(order.request_id) for order in orders}
    return Evidence(
        orders=orders,
        runs=[_paid_run(run) for run in stack.standin.runs()],
        events=events,
        dead_letters=_dead_letters(stack),
        jobs={request_id: job for request_id, job in jobs.items() if job is not None},
        records=_records(stack),
        objects=objects,
        documents=documents,
        in_queues=depths(stack),
        ends=ends,
        secrets=secrets,
    )


def depths(stack: LocalStack) -> dict[str, int]:
    """Messages in the two queues that carry jobs, hidden and delayed ones included."""
    urls = {"requests": stack.outputs.request_queue_url, "polls": stack.outputs.poll_queue_url}
    found = {}
    for name, url in urls.items():
        answer = stack.aws.client("sqs").get_queue_attributes(
            QueueUrl=url,
            AttributeNames=list(_DEPTHS),  # type: ignore[arg-type]  # -- literals in a list
        )
        found[name] = sum(int(value) for value in answer["Attributes"].values())
    return found


def keep(evidence: Evidence, folder: Path) -> None:
    """Writes down what a person needs to find out why a check failed. No secrets."""
    files: dict[str, Any] = {
        "orders.json": [
            {"requestId": order.request_id, "ending": order.ending, "copies": order.copies}
            for order in evidence.orders
        ],
        "runs.json": [
            {"requestId": run.request_id, "step": run.step, "pipelineId": run.pipeline_id}
            for run in evidence.runs
        ],
        "events.json": list(evidence.events),
        "dead-letters.json": [dict(letter.attributes) for letter in evidence.dead_letters],
        "records.json": {key: json.loads(text) for key, text in evidence.records.items()},
        "queues.json": dict(evidence.in_queues),
    }
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _paid_run(run: Mapping[str, Any]) -> PaidRun:
    mark = run["metadata"].get("hautechWorker", {})
    return PaidRun(
        pipeline_id=run["pipelineId"],
        request_id=mark.get("jobId", "?"),
        step=mark.get("step", "?"),
        key=mark.get("submitKey", "?"),
    )


def _objects(stack: LocalStack) -> tuple[dict[str, str], dict[str, str]]:
    s3, bucket = stack.aws.client("s3"), stack.outputs.output_bucket_name
    objects, documents = {}, {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", []):
            uri = f"s3://{bucket}/{found['Key']}"
            data = stack.read(uri)
            objects[uri] = hashlib.sha256(data).hexdigest()
            if uri.endswith(".json"):
                documents[uri] = data.decode("utf-8", "replace")
    return objects, documents


def _records(stack: LocalStack) -> dict[str, str]:
    dynamodb, table = stack.aws.client("dynamodb"), stack.outputs.job_table_name
    return {
        item["pk"]["S"].removeprefix(KEY_PREFIX): json.dumps(item)
        for page in dynamodb.get_paginator("scan").paginate(TableName=table)
        for item in page["Items"]
    }


def _dead_letters(stack: LocalStack) -> list[DeadLetter]:
    sqs, url = stack.aws.client("sqs"), stack.outputs.dead_letter_queue_url
    letters: list[DeadLetter] = []
    while True:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=600,
            WaitTimeSeconds=0,
            MessageAttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        if not messages:
            return letters
        letters += [
            DeadLetter(
                body=message["Body"],
                attributes={
                    name: value["StringValue"]
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            )
            for message in messages
        ]


def object_sha256(stack: LocalStack, uri: str) -> str | None:
    """The hash of an object's bytes right now; None when there is no such object."""
    try:
        return hashlib.sha256(stack.read(uri)).hexdigest()
    except ClientError:
        return None
