"""A producer and consumer of the deployed stage: requests go out, events are gathered by request."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.deploy.stage import DEADLINE_S, DeployedStage

_INPUT_WITHOUT_PHOTOS = {"aspectRatio": "7:10", "prompt": "a woman in a jacket"}


class Desk:
    """Sends requests with ids of their own and keeps every event that came.

    Attributes:
        garment: a photo in the input bucket, by its URI.
        pose: another one.
        sent: the ids of all requests that were sent and can be made.
    """

    def __init__(self, stage: DeployedStage, *, garment: Path, pose: Path) -> None:
        self.stage = stage
        self.garment = stage.upload(garment, "raw/garment.png")
        self.pose = stage.upload(pose, "poses/pose.png")
        self.output = f"s3://{stage.outputs.output_bucket_name}/generated/"
        self.sent: list[str] = []
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._batches: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)

    def request(self, workflow: str, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """A request that has not been sent, with an id of its own."""
        name = f"{workflow[:13]}-{next(self._numbers)}"
        return {
            "requestId": name,
            "workflow": workflow,
            "input": document,
            "output": self.output,
            "metadata": {"sku": name},
            **changes,
        }

    def full_naomi(self, **changes: Any) -> dict[str, Any]:
        """A request of one step."""
        photos = {"poseImageId": self.pose, "imageId": self.garment}
        return self.request("full-naomi", {**photos, **_INPUT_WITHOUT_PHOTOS}, **changes)

    def send(self, *requests: dict[str, Any] | str) -> list[str]:
        """Sends them in one call, ten at most; the ids of those that have one."""
        entries = [
            {"Id": str(number), "MessageBody": one if isinstance(one, str) else json.dumps(one)}
            for number, one in enumerate(requests)
        ]
        answer = self.stage.aws.client("sqs").send_message_batch(
            QueueUrl=self.stage.outputs.request_queue_url,
            Entries=entries,  # type: ignore[arg-type]  # Id and MessageBody, as it wants
        )
        assert not answer.get("Failed")
        ids = [str(one["requestId"]) for one in requests if isinstance(one, dict)]
        self.sent += ids
        return ids

    def batch(self, ratios: Sequence[str]) -> dict[str, Any]:
        """A batch message of one row for each aspect ratio, with an id of its own."""
        shared = self.full_naomi()
        name = f"batch-{next(self._numbers)}"
        self._batches[name] = {
            "batchId": name,
            "matrix": {"aspectRatio": list(ratios)},
            "request": {one: shared[one] for one in ("workflow", "input", "output")},
        }
        return self._batches[name]

    def send_batch(self, ratios: Sequence[str]) -> str:
        """Sends such a batch; its id."""
        message = self.batch(ratios)
        self.stage.submit(json.dumps(message))
        return str(message["batchId"])

    def wait_for_batch(self, batch_id: str) -> None:
        """Returns once the batch is over: a repetition of its message carries it on at once."""
        self.stage.submit(json.dumps(self._batches[batch_id]))
        event = self.wait_for_event(batch_id)
        counts = event["data"]["counts"]
        ratios = self._batches[batch_id]["matrix"]["aspectRatio"]
        assert counts["rows"] == len(ratios), event
        assert counts["succeeded"] == ratios.count("7:10"), event
        assert counts["refused"] == len(ratios) - ratios.count("7:10"), event

    def events(self, request_id: str) -> list[dict[str, Any]]:
        """The events of a request that came so far, copies of one counted once."""
        for event in self.stage.receive_events():
            known = self._events[str(event.get("subject"))]
            if event["id"] not in [one["id"] for one in known]:
                known.append(event)
        return self._events[request_id]

    def wait_for_event(self, request_id: str, *, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """The one event of a request, once it has come."""
        (event,) = self.stage.wait_for(lambda: self.events(request_id), deadline_s=deadline_s)
        return event

    def send_again(self, request_id: str) -> None:
        """Sends a request that was accepted once more, as producers do who heard nothing."""
        job = self.stage.job(request_id)
        assert job is not None, request_id
        self.stage.submit(json.dumps(job.request))

    def wait_for_failure(self, request_id: str, code: str) -> dict[str, Any]:
        """The event of a request that must fail with this code, once it has come."""
        event = self.wait_for_event(request_id)
        assert event["data"]["status"] == "failed", event
        assert event["data"]["error"]["code"] == code
        return event

    def wait_for_pictures(self, *request_ids: str, deadline_s: float = DEADLINE_S) -> None:
        """Returns once all of them have succeeded and what they announce lies in S3."""
        for request_id in request_ids:
            event = self.wait_for_event(request_id, deadline_s=deadline_s)
            assert event["data"]["status"] == "succeeded", event
            for output in event["data"]["outputs"]:
                assert len(self.stage.read(output["uri"])) == output["bytes"]
