"""`python -m bench.batches`: how fast a manifest becomes requests, and in how much memory.

    floor     the same messages made beforehand, sent ten at a time by boto3 in one thread: what the
              emulator takes
    worker    the engine's own way: read from S3, check every row, send, record checkpoints

Floor and worker take turns, since the speed of a shared machine drifts. Then one manifest of the
largest size is expanded alone, for its memory. Each runs in a process of its own. The window of open
rows is wide open: nothing works on the rows, and waiting for them is not what is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3

from bench.machine import machine_facts
from sandbox.aws import MiniStack, deploy, worker_environment
from worker.batches.source_row import MAX_ROWS
from worker.bootstrap import build_application
from worker.contracts.follow import FollowMessage
from worker.ports.queues import ReceivedMessage
from worker.settings import load_settings

_ROOT = Path(__file__).parents[1]
_BATCH_ID = "bench"


@dataclass(frozen=True, slots=True)
class Forever:
    """A process that nobody stops."""

    def remaining_s(self) -> float:
        """See `WorkBudget.remaining_s`."""
        return math.inf


def manifest(rows: int) -> str:
    """A spreadsheet as a shop would make it."""
    head = "sku;season;input.prompt;input.seed;price"
    lines = (
        f'{n};spring;"A woman in a white jacket, number {n}; studio light";{n};49.90'
        for n in range(1, rows + 1)
    )
    return "\n".join((head, *lines)) + "\n"


def template(input_bucket: str, output_bucket: str) -> dict[str, Any]:
    """What its rows share."""
    return {
        "workflow": "full-naomi",
        "input": {
            "imageId": f"s3://{input_bucket}/raw/{{sku}}.png",
            "poseImageId": f"s3://{input_bucket}/poses/standing.png",
            "aspectRatio": "7:10",
        },
        "output": f"s3://{output_bucket}/{{season}}/{{sku}}/",
        "metadata": {"sku": "{sku}"},
    }


def expand(rows: int) -> dict[str, float]:
    """Expands one manifest of so many rows, that is in S3; for the process that is measured."""
    application = build_application(load_settings(os.environ))
    settings = application.settings
    application.make_clients()
    bucket = settings.input_buckets[0]
    message = {
        "batchId": _BATCH_ID,
        "manifest": f"s3://{bucket}/bench-{rows}.csv",
        "request": template(bucket, settings.output_buckets[0]),
    }
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    application.engine.handle_request(ReceivedMessage(body=json.dumps(message)), Forever())
    follow = FollowMessage(batch_id=_BATCH_ID, ticket=1)
    application.engine.handle_poll(ReceivedMessage(body=follow.dumps()), Forever())
    wall_s = time.perf_counter() - begun_s
    batch = application.batches.load(_BATCH_ID)
    if batch is None or batch.read != rows or batch.bad:
        raise SystemExit(f"the batch was not expanded: {batch}")
    return {
        "rows": rows,
        "wallS": wall_s,
        "cpuS": time.process_time() - cpu_s,
        # Source: getrusage(2): kilobytes on Linux.
        "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def floor(rows: int) -> dict[str, float]:
    """Sends as many messages of the same size by hand."""
    sqs = boto3.client("sqs")
    url = os.environ["WORKER_REQUEST_QUEUE_URL"]
    request = template("catalog-of-the-bench", "shop-of-the-bench")
    origin = {"batch": {"id": _BATCH_ID, "row": rows}}
    prompt = {"prompt": "A woman in a white jacket, number 10000; studio light", "seed": rows}
    body = json.dumps(
        {
            **request,
            "requestId": f"bench.{rows}",
            "origin": origin,
            "input": {**request["input"], **prompt},
        }
    )
    begun_s, cpu_s = time.perf_counter(), time.process_time()
    for first in range(0, rows, 10):
        entries: Any = [
            {"Id": str(index), "MessageBody": body} for index in range(min(10, rows - first))
        ]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    wall_s = time.perf_counter() - begun_s
    return {"rows": rows, "wallS": wall_s, "cpuS": time.process_time() - cpu_s, "peakMb": 0.0}


def main() -> int:
    """Runs the bench, or one measured process of it."""
    arguments = _arguments()
    if arguments.measure:
        one = expand if arguments.measure == "worker" else floor
        print(json.dumps(one(arguments.rows)))
        return 0
    pairs = []
    with MiniStack() as emulator:
        for number in range(arguments.repetitions):
            pair = {name: _measured(emulator, name, arguments.rows) for name in ("floor", "worker")}
            pairs.append(pair)
            print(f"  {number + 1}: " + _pair_text(pair), file=sys.stderr)
        whole = _measured(emulator, "worker", arguments.whole) if arguments.whole else None
    result = {
        "floorRowsPerS": median(_speed(pair["floor"]) for pair in pairs),
        "workerRowsPerS": median(_speed(pair["worker"]) for pair in pairs),
        "workerToFloor": median(pair["worker"]["wallS"] / pair["floor"]["wallS"] for pair in pairs),
        "cpuMsPerRow": median(pair["worker"]["cpuS"] / pair["worker"]["rows"] for pair in pairs)
        * 1000,
        "whole": whole and {**whole, "rowsPerS": _speed(whole)},
        "machine": machine_facts(),
    }
    print(json.dumps(result, indent=2))
    return 0


def _measured(emulator: MiniStack, name: str, rows: int) -> dict[str, float]:
    """One process on a stack of its own."""
    outputs = deploy(emulator.aws, f"bench-{secrets.token_hex(4)}")
    emulator.aws.client("s3").put_object(
        Bucket=outputs.input_bucket_name, Key=f"bench-{rows}.csv", Body=manifest(rows).encode()
    )
    environment = worker_environment(
        outputs,
        emulator.aws,
        {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_ROOT),
            "HAUTECH_API_TOKEN": "none",
            "WORKER_LOG_LEVEL": "error",
            "WORKER_BATCH_OPEN_ROWS": str(MAX_ROWS),
        },
    )
    command = [sys.executable, "-m", "bench.batches", "--measure", name, "--rows", str(rows)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=_ROOT
    )
    if done.returncode:
        raise SystemExit(f"{name} could not be measured: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _speed(one: dict[str, float]) -> float:
    return one["rows"] / one["wallS"]


def _pair_text(pair: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{name} {_speed(one):.0f} rows/s" for name, one in pair.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.batches", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000, help="of each turn")
    parser.add_argument("--repetitions", type=int, default=5, help="of floor and worker in turn")
    parser.add_argument("--whole", type=int, default=100_000, help="rows of the last one; 0: none")
    parser.add_argument("--measure", choices=("floor", "worker"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
