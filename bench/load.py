"""Sends requests, all at once or at a steady rate, to a stack whose worker is to be measured."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import FloorObserved
from bench.floor import FloorError, FloorOrder, to_json
from sandbox.aws.clients import REGION
from sandbox.local import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
_FLOOR_DEADLINE_S = 300
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """The two input photos in the input bucket, and how large they and the outputs are."""

    pose_uri: str
    garment_uri: str
    pose_bytes: int
    garment_bytes: int


class Load:
    """Makes and sends full-naomi requests on one stack, each with an id of its own."""

    def __init__(self, stack: LocalStack, photos: Photos) -> None:
        self._stack = stack
        self._photos = photos
        self._queue_url = stack.outputs.request_queue_url
        self._sqs: SQSClient = stack.aws.client("sqs")

    def requests(self, count: int) -> list[dict[str, Any]]:
        """New requests, ready to be sent."""
        return [
            {
                "requestId": f"bench-{secrets.token_hex(8)}",
                "workflow": "full-naomi",
                "input": {
                    "poseImageId": self._photos.pose_uri,
                    "imageId": self._photos.garment_uri,
                    "aspectRatio": "7:10",
                    "prompt": "a white jacket on a model in soft daylight",
                    "seed": number,
                },
                "output": f"s3://{self._stack.outputs.output_bucket_name}/bench/",
            }
            for number in range(count)
        ]

    def send_at_once(self, requests: Sequence[dict[str, Any]], queue_url: str = "") -> None:
        """All of them, ten to a call, as fast as the queue takes them."""
        for start in range(0, len(requests), _BATCH):
            entries = requests[start : start + _BATCH]
            answer = self._sqs.send_message_batch(
                QueueUrl=queue_url or self._queue_url,
                Entries=[
                    {"Id": str(index), "MessageBody": json.dumps(request)}
                    for index, request in enumerate(entries)
                ],
            )
            if answer.get("Failed"):
                raise FloorError(f"requests could not be sent: {answer['Failed'][0]}")

    def send_steadily(self, requests: Sequence[dict[str, Any]], *, per_s: float) -> None:
        """One after the other, `per_s` a second, whether or not the worker keeps up."""
        never = threading.Event()
        begun_s = time.monotonic()
        for number, request in enumerate(requests):
            never.wait(max(0.0, begun_s + number / per_s - time.monotonic()))
            self._stack.submit(request)

    def is_drained(self) -> bool:
        """Whether neither queue holds a message, in hand and delayed ones included."""
        outputs = self._stack.outputs
        return not any(
            _messages(self._sqs, url) for url in (outputs.request_queue_url, outputs.poll_queue_url)
        )


class FloorLoad:
    """The same requests, done by hand by a process of their own, in a queue of their own."""

    def __init__(self, stack: LocalStack, load: Load) -> None:
        self._stack = stack
        self._load = load
        self._queue_url = stack.aws.client("sqs").create_queue(QueueName="bench-floor")["QueueUrl"]
        self._topic_arn = stack.aws.client("sns").create_topic(Name="bench-floor")["TopicArn"]

    def measure(self, *, warm_up: int, jobs: int) -> FloorObserved:
        """Does that many jobs.

        Raises:
            FloorError: the process failed.
        """
        self._load.send_at_once(self._load.requests(warm_up + jobs), self._queue_url)
        order = FloorOrder(
            warm_up=warm_up,
            jobs=jobs,
            queue_url=self._queue_url,
            topic_arn=self._topic_arn,
            api_url=self._stack.api_url,
            token=self._stack.credentials.api_token,
            region=REGION,
        )
        # The worker's environment: the same endpoint, and no setting of this machine.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "bench.floor"],
            input=to_json(order),
            env=self._stack.worker_environment({"PYTHONPATH": str(_ROOT)}),
            capture_output=True,
            text=True,
            timeout=_FLOOR_DEADLINE_S,
            check=False,
        )
        if done.returncode != 0:
            raise FloorError(f"the floor ended with code {done.returncode}: {done.stderr[-1500:]}")
        return FloorObserved(**json.loads(done.stdout))


def _messages(sqs: SQSClient, queue_url: str) -> int:
    answer = sqs.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    return sum(int(count) for count in answer["Attributes"].values())
