"""The bare sequence of calls of a full-naomi job, one after the other in one thread: the floor.

    python -m bench.floor < order.json      prints {"jobs": …, "wall_s": …, "cpu_s": …}

Written as one would write it in an afternoon: boto3 clients and a requests session as they come
out of the box, no record, no retries of ours, no check of anything. What a worker spends above
this is the price of its promises. Per job:

    receive (tenth) ─► 2 × get image from S3 ─► 2 × (initialize, PUT, finalize) ─► run ─► status
      ─► image ─► download ─► put picture, put result in S3 ─► publish ─► delete (tenth)
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import boto3
import requests

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_BATCH = 10
_TIMEOUT_S = (5, 60)
FULL_NAOMI = "dc1bd611-effc-443c-978a-88593553588d"


class FloorError(Exception):
    """The floor could not be measured: a call gave something else than it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorOrder:
    """What to do and where; it holds a token, so it travels by standard input.

    Attributes:
        warm_up: jobs that are done first and not measured.
        jobs: jobs that are measured; the queue holds both.
        queue_url: their messages: requests as the worker takes them.
        topic_arn: where results are announced.
        api_url: base URL of Hautech.
        token: bearer token.
        region: of AWS; endpoint and keys come from the environment.
    """

    warm_up: int
    jobs: int
    queue_url: str
    topic_arn: str
    api_url: str
    token: str
    region: str


class Floor:
    """Does jobs by hand."""

    def __init__(self, order: FloorOrder) -> None:
        self._order = order
        self._sqs = boto3.client("sqs", region_name=order.region)
        self._s3 = boto3.client("s3", region_name=order.region)
        self._sns = boto3.client("sns", region_name=order.region)
        self._http = requests.Session()
        self._bearer = {"Authorization": f"Bearer {order.token}"}

    def measure(self) -> dict[str, float]:
        """Does all jobs; the numbers of those after the warm-up."""
        self._do(self._order.warm_up)
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        self._do(self._order.jobs)
        return {
            "jobs": self._order.jobs,
            "wall_s": time.perf_counter() - wall_s,
            "cpu_s": time.process_time() - cpu_s,
        }

    def _do(self, jobs: int) -> None:
        while jobs > 0:
            messages = self._sqs.receive_message(
                QueueUrl=self._order.queue_url,
                MaxNumberOfMessages=min(_BATCH, jobs),
                WaitTimeSeconds=5,
            ).get("Messages", [])
            if not messages:
                raise FloorError(f"the queue is empty, and {jobs} jobs are still to be done")
            for message in messages:
                self._job(json.loads(message["Body"]))
            self._delete(messages)
            jobs -= len(messages)

    def _delete(self, messages: list[MessageTypeDef]) -> None:
        self._sqs.delete_message_batch(
            QueueUrl=self._order.queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages)
            ],
        )

    def _job(self, request: dict[str, Any]) -> None:
        wanted = dict(request["input"])
        for name in ("poseImageId", "imageId"):
            wanted[name] = self._upload(wanted[name])
        run = self._api("POST", f"/v1/workflows/run/{FULL_NAOMI}", {"input": wanted})
        answer = self._api("GET", f"/v1/pipelines/{run['pipelineId']}/status")
        if answer["status"] != "completed":
            raise FloorError(f"pipeline {run['pipelineId']}: {answer['status']} at the first poll")
        image_id = answer["pipeline"]["output"]["imageId"]
        image = self._api("GET", f"/v1/images/{image_id}")
        picture = self._http.get(image["url"], timeout=_TIMEOUT_S)
        picture.raise_for_status()
        bucket, _, prefix = request["output"].removeprefix("s3://").partition("/")
        key = prefix + request["requestId"]
        self._s3.put_object(
            Bucket=bucket, Key=f"{key}.png", Body=picture.content, ContentType="image/png"
        )
        result = json.dumps(
            {"requestId": request["requestId"], "status": "succeeded", "imageId": image_id}
        )
        self._s3.put_object(
            Bucket=bucket, Key=f"{key}.json", Body=result.encode(), ContentType="application/json"
        )
        self._sns.publish(TopicArn=self._order.topic_arn, Message=result)

    def _upload(self, uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        url = self._api("POST", "/v1/images/upload/initialize")["uploadUrl"]
        put = self._http.put(
            url,
            files={"file": (key.rpartition("/")[2], content, "image/png")},
            timeout=_TIMEOUT_S,
        )
        put.raise_for_status()
        image = self._api("POST", "/v1/images/upload/finalize", put.json())
        return str(image["id"])

    def _api(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._http.request(
            method,
            self._order.api_url + path,
            json=body,
            headers=self._bearer,
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document


def to_json(order: FloorOrder) -> str:
    """The order as standard input takes it."""
    return json.dumps(asdict(order))


if __name__ == "__main__":
    print(json.dumps(Floor(FloorOrder(**json.load(sys.stdin))).measure()))
