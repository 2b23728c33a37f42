"""What somebody does with a deployed service: photos and requests in, events and pictures out."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.aws import LocalAws, StackOutputs
from worker.adapters.aws.batch_store import DynamoBatchStore
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.batches.batch import Batch
from worker.contracts.envelopes import unwrap
from worker.jobs.job import Job


class StackUser:
    """A user of one stack of queues, topic, table and buckets, whoever works on it.

    Attributes:
        aws: makes boto3 clients for the emulator.
        outputs: the stack outputs: queues, topic, table and buckets.
        events_queue_url: a queue that receives every event of the topic, in SNS's envelope.
    """

    aws: LocalAws
    outputs: StackOutputs
    events_queue_url: str

    def upload(self, photo: Path, key: str | None = None) -> str:
        """Puts a photo into the input bucket and returns its `s3://` URI."""
        bucket, key = self.outputs.input_bucket_name, key or photo.name
        content_type = mimetypes.guess_type(photo.name)[0] or "application/octet-stream"
        self.aws.client("s3").put_object(
            Bucket=bucket, Key=key, Body=photo.read_bytes(), ContentType=content_type
        )
        return f"s3://{bucket}/{key}"

    def submit(self, request: Mapping[str, Any] | str) -> str:
        """Sends one request message (text is sent as it is) and returns SQS's message id."""
        body = request if isinstance(request, str) else json.dumps(dict(request))
        answer = self.aws.client("sqs").send_message(
            QueueUrl=self.outputs.request_queue_url, MessageBody=body
        )
        return answer["MessageId"]

    def receive_events(self, queue_url: str | None = None) -> list[dict[str, Any]]:
        """The events that were announced since the last call, without waiting.

        Args:
            queue_url: another queue that is subscribed, raw or not.
        """
        sqs = self.aws.client("sqs")
        queue_url = queue_url or self.events_queue_url
        events: list[dict[str, Any]] = []
        while True:
            answer = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=0
            )
            messages = answer.get("Messages", [])
            if not messages:
                return events
            events += [unwrap(message["Body"]) for message in messages]
            for message in messages:
                sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])

    def job(self, request_id: str) -> Job | None:
        """The durable record of a request, or None before it was accepted."""
        store = DynamoJobStore(self.aws.client("dynamodb"), self.outputs.job_table_name)
        return store.load(request_id)

    def batch(self, batch_id: str) -> Batch | None:
        """The durable record of a batch, or None before it was accepted."""
        client, table = self.aws.client("dynamodb"), self.outputs.job_table_name
        return DynamoBatchStore(client, table, now=lambda: datetime.now(UTC)).load(batch_id)

    def read(self, uri: str) -> bytes:
        """The bytes of an object, such as an output."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
