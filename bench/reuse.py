"""`python -m bench.reuse`: what a catalogue on a few poses brings to Hautech and pays for.

Every garment is asked for on every pose, as `naomi` from raw photos, from two workers on the sandbox;
`--off` does the same without reuse. Printed are the uploads, the pipelines of each step, and the calls
to Hautech, per job and in all. The exit code is 1 when reuse did not do what it promises.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.arrivals import Arrivals
from sandbox.local import LocalStack
from worker.adapters.memory.pictures import draw_png
from worker.contracts.workflows import WORKFLOWS

_WORKERS = 2
_JOB_DEADLINE_S = 2.0
_STEPS = {spec.workflow_id: name for name, spec in WORKFLOWS.items()}


def main() -> int:
    """Runs it and prints the figures as JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.reuse", description=__doc__)
    parser.add_argument("--garments", type=int, default=1000)
    parser.add_argument("--poses", type=int, default=5)
    parser.add_argument("--off", action="store_true", help="without reuse")
    arguments = parser.parse_args()
    figures = measure(arguments.garments, arguments.poses, reuses=not arguments.off)
    print(json.dumps(figures, indent=2))
    wanted = arguments.garments + arguments.poses
    is_kept = (
        figures["uploads"] == wanted and figures["pipelines"]["prepare-pose"] == arguments.poses
    )
    return 0 if arguments.off or is_kept else 1


def measure(garments: int, poses: int, *, reuses: bool) -> dict[str, Any]:
    """The figures of `garments` × `poses` requests."""
    options = {
        "durationSeconds": 2,
        "drawing": "flat",
        "flatPadBytes": 20_000,
        "balance": "1000000",
    }
    environment = {"WORKER_LOG_FORMAT": "json", "WORKER_REUSE": "on" if reuses else "off"}
    with (
        LocalStack(workers=_WORKERS, standin_options=options, worker_env=environment) as stack,
        Arrivals(stack.aws.client("sqs"), stack.events_queue_url) as arrivals,
    ):
        requests = _requests(stack, garments, poses)
        begun_s = time.monotonic()
        _send(stack, requests)
        arrivals.wait_for(
            [request["requestId"] for request in requests],
            deadline_s=60 + _JOB_DEADLINE_S * len(requests),
            check=stack.check,
        )
        wall_s = time.monotonic() - begun_s
        calls = {
            name: int(counts["total"])
            for name, counts in stack.standin.counters()["routes"].items()
        }
        pipelines = Counter(_STEPS.get(run["workflowId"], "?") for run in stack.standin.runs())
    return {
        "jobs": len(requests),
        "wallS": round(wall_s, 1),
        "uploads": calls["images.upload"],
        "pipelines": dict(pipelines),
        "hautechCalls": sum(calls.values()),
        "hautechCallsPerJob": round(sum(calls.values()) / len(requests), 2),
    }


def _requests(stack: LocalStack, garments: int, poses: int) -> list[dict[str, Any]]:
    """Puts the photos into the input bucket; every garment on every pose."""
    s3, bucket = stack.aws.client("s3"), stack.outputs.input_bucket_name
    garment_keys = [f"raw/garment-{number}.png" for number in range(garments)]
    pose_keys = [f"poses/pose-{number}.png" for number in range(poses)]

    def put(key: str) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=draw_png(key))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, garment_keys + pose_keys))
    return [
        {
            "requestId": f"reuse-{garment}-{pose}",
            "workflow": "naomi",
            "input": {
                "poseId": f"s3://{bucket}/{pose_keys[pose]}",
                "imageId": f"s3://{bucket}/{garment_keys[garment]}",
                "aspectRatio": "7:10",
                "prompt": "a white jacket on a model in soft daylight",
            },
            "output": f"s3://{stack.outputs.output_bucket_name}/reuse/",
        }
        for garment in range(garments)
        for pose in range(poses)
    ]


def _send(stack: LocalStack, requests: list[dict[str, Any]]) -> None:
    sqs, url = stack.aws.client("sqs"), stack.outputs.request_queue_url
    for start in range(0, len(requests), 10):
        entries: Any = [
            {"Id": str(index), "MessageBody": json.dumps(request)}
            for index, request in enumerate(requests[start : start + 10])
        ]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)


if __name__ == "__main__":
    sys.exit(main())
