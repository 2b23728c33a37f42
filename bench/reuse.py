"""`python -m bench.reuse`: what a catalogue on a few poses brings to Hautech and pays for.

Every garment is asked for on every pose, by one manifest of a batch, from two workers on the sandbox:
as `naomi` from raw photos, or with `--share-poses` as `full-naomi` requests that share their poses.
`--off` does the same without reuse. Printed are the uploads, the pipelines of each step, the calls to
Hautech, and how often each row was announced. The exit code is 1 when something was asked for, paid or
announced twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.arrivals import Arrivals
from bench.machine import machine_facts
from sandbox.local import LocalStack
from worker.adapters.memory.pictures import draw_png
from worker.contracts.workflows import WORKFLOWS

_WORKERS = 2
_START_DEADLINE_S = 300.0
_ROW_DEADLINE_S = 2.0
_BATCH_ID = "catalogue"
_STEPS = {spec.workflow_id: name for name, spec in WORKFLOWS.items()}


def main() -> int:
    """Runs it and prints the figures as JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.reuse", description=__doc__)
    parser.add_argument("--garments", type=int, default=1000)
    parser.add_argument("--poses", type=int, default=5)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--share-poses", action="store_true", help="full-naomi, with its poses shared")
    how.add_argument("--off", action="store_true", help="without reuse")
    arguments = parser.parse_args()
    figures = measure(
        arguments.garments, arguments.poses, shares=arguments.share_poses, reuses=not arguments.off
    )
    print(json.dumps(figures, indent=2))
    wanted = {
        "uploads": arguments.garments + arguments.poses,
        "posesPrepared": arguments.poses,
        "announcedOnce": figures["rows"],
        "batchEvents": 1,
        "results": figures["rows"],
    }
    missed = {name: value for name, value in wanted.items() if figures[name] != value}
    if missed:
        print(f"not as promised: {missed} should have been", file=sys.stderr)
    return 1 if missed and not arguments.off else 0


def measure(garments: int, poses: int, *, shares: bool, reuses: bool) -> dict[str, Any]:
    """The figures of one batch of `garments` × `poses` rows."""
    options = {
        "durationSeconds": 2,
        "drawing": "flat",
        "flatPadBytes": 20_000,
        "balance": "1000000",
    }
    environment = {
        "WORKER_LOG_FORMAT": "json",
        "WORKER_REUSE": "on" if reuses else "off",
        "WORKER_SHARE_POSES": "on" if shares else "off",
    }
    with (
        LocalStack(workers=_WORKERS, standin_options=options, worker_env=environment) as stack,
        Arrivals(stack.aws.client("sqs"), stack.events_queue_url) as arrivals,
    ):
        rows = _put_manifest(stack, garments, poses)
        begun_s = time.monotonic()
        stack.submit(_message(stack, "full-naomi" if shares else "naomi"))
        arrivals.wait_for(
            [*rows, _BATCH_ID],
            deadline_s=_START_DEADLINE_S + _ROW_DEADLINE_S * len(rows),
            check=stack.check,
        )
        wall_s = time.monotonic() - begun_s
        return {
            "rows": len(rows),
            "wallS": round(wall_s, 1),
            **_asked_of_hautech(stack, len(rows)),
            "batchEvents": arrivals.announced()[_BATCH_ID],
            "announcedOnce": sum(arrivals.announced()[row] == 1 for row in rows),
            "results": _results(stack),
            "machine": machine_facts(),
        }


def _asked_of_hautech(stack: LocalStack, rows: int) -> dict[str, Any]:
    routes = stack.standin.counters()["routes"]
    calls = {name: int(counts["total"]) for name, counts in routes.items()}
    pipelines = Counter(_STEPS.get(run["workflowId"], "?") for run in stack.standin.runs())
    return {
        "uploads": calls["images.upload"],
        "posesPrepared": pipelines["prepare-pose"],
        "pipelines": dict(pipelines),
        "hautechCalls": sum(calls.values()),
        "hautechCallsPerRow": round(sum(calls.values()) / rows, 2),
    }


def _put_manifest(stack: LocalStack, garments: int, poses: int) -> list[str]:
    """Puts photos and manifest into the input bucket; the request ids of its rows."""
    s3, bucket = stack.aws.client("s3"), stack.outputs.input_bucket_name
    garment_keys = [f"raw/garment-{number}.png" for number in range(garments)]
    pose_keys = [f"poses/pose-{number}.png" for number in range(poses)]

    def put(key: str) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=draw_png(key))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, garment_keys + pose_keys))
    lines = [f"{garment},{pose}" for garment in garment_keys for pose in pose_keys]
    manifest = "\n".join(("garment,pose", *lines)) + "\n"
    s3.put_object(Bucket=bucket, Key="batches/catalogue.csv", Body=manifest.encode())
    return [f"{_BATCH_ID}.{number}" for number in range(1, len(lines) + 1)]


def _message(stack: LocalStack, workflow: str) -> Mapping[str, Any]:
    bucket = stack.outputs.input_bucket_name
    pose = "poseImageId" if workflow == "full-naomi" else "poseId"
    return {
        "batchId": _BATCH_ID,
        "manifest": f"s3://{bucket}/batches/catalogue.csv",
        "request": {
            "workflow": workflow,
            "input": {
                pose: f"s3://{bucket}/{{pose}}",
                "imageId": f"s3://{bucket}/{{garment}}",
                "aspectRatio": "7:10",
                "prompt": "a white jacket on a model in soft daylight",
            },
            "output": f"s3://{stack.outputs.output_bucket_name}/reuse/",
        },
    }


def _results(stack: LocalStack) -> int:
    """How many different rows the list of results has."""
    answer = stack.aws.client("s3").get_object(
        Bucket=stack.outputs.output_bucket_name, Key=f"reuse/{_BATCH_ID}.results.jsonl"
    )
    return len({json.loads(line)["requestId"] for line in answer["Body"].iter_lines()})


if __name__ == "__main__":
    sys.exit(main())
