"""A sandbox whose Hautech is slow in one place after the other, so that a worker can be caught there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.children import WorkerProcess
from sandbox.local import LocalStack
from sandbox.samples import write_samples
from worker.jobs.job import Job

START_S = 120.0


class SlowStack:
    """One stack and the jobs that are on it; see `slow_stack`."""

    def __init__(self, stack: LocalStack, pose_uri: str, garment_uri: str) -> None:
        self.stack = stack
        self._input = {
            "poseImageId": pose_uri,
            "imageId": garment_uri,
            "aspectRatio": "7:10",
            "prompt": "a woman in a jacket",
        }
        self._sent = 0
        self._mark = 0
        self.request_ids: list[str] = []

    def submit(self, count: int) -> list[str]:
        """Sends so many new requests; their ids."""
        ids = [f"stop-{self._sent + number:04d}" for number in range(count)]
        self._sent += count
        self.request_ids += ids
        for request_id in ids:
            self.stack.submit(
                {
                    "requestId": request_id,
                    "workflow": "full-naomi",
                    "input": self._input,
                    "output": f"s3://{self.stack.outputs.output_bucket_name}/stops/",
                }
            )
        return ids

    def start_worker(self) -> WorkerProcess:
        """A new worker, once it receives."""
        worker = self.stack.add_worker()
        self.stack.wait_for(lambda: worker.is_receiving, deadline_s=START_S)
        return worker

    def jobs(self) -> dict[str, Job | None]:
        """The records of all requests since the last `forget`."""
        return {request_id: self.stack.job(request_id) for request_id in self.request_ids}

    def under_way(self, route: str) -> int:
        """Calls of that route, made since `forget`, that Hautech has not answered yet."""
        return sum(
            entry["status"] is None and (entry["route"] or "").startswith(route)
            for entry in self.stack.standin.log(after=self._mark)
        )

    def counts(self) -> tuple[int, int]:
        """Messages of both queues: those that can be received now or after a delay that they were
        sent with, and those that are hidden.
        """
        there, hidden = 0, 0
        for url in self._queues:
            answer = self.stack.aws.client("sqs").get_queue_attributes(
                QueueUrl=url, AttributeNames=["All"]
            )["Attributes"]
            there += int(answer["ApproximateNumberOfMessages"])
            there += int(answer["ApproximateNumberOfMessagesDelayed"])
            hidden += int(answer["ApproximateNumberOfMessagesNotVisible"])
        return there, hidden

    def receive_all(self) -> int:
        """Receives what can be received, as another worker would; how many messages came."""
        came = 0
        for url in self._queues:
            while messages := self._receive(url):
                came += len(messages)
        return came

    def forget(self) -> None:
        """Empties the queues, lifts all faults and begins with new requests."""
        for url in self._queues:
            self.stack.aws.client("sqs").purge_queue(QueueUrl=url)
        self.stack.standin.clear_faults()
        self._mark = self.stack.standin.counters()["requests"]
        self.request_ids.clear()

    @property
    def _queues(self) -> tuple[str, str]:
        return self.stack.outputs.request_queue_url, self.stack.outputs.poll_queue_url

    def _receive(self, url: str) -> list[Any]:
        answer = self.stack.aws.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=0
        )
        return list(answer.get("Messages", []))


@contextmanager
def slow_stack(worker_env: Mapping[str, str]) -> Iterator[SlowStack]:
    """A stack without workers, whose pipelines take no time until told otherwise."""
    options = {
        "durationSeconds": 0,
        "drawing": "flat",
        "flatPadBytes": 100_000,
        "balance": "1000000",
    }
    with (
        LocalStack(workers=0, standin_options=options, worker_env=worker_env) as stack,
        tempfile.TemporaryDirectory(prefix="hautech-chaos-samples-") as folder,
    ):
        samples = write_samples(Path(folder))
        yield SlowStack(stack, stack.upload(samples.pose), stack.upload(samples.garment))
