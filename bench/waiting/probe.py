"""Stands in front of a handler on Lambda and writes down what each invocation took.

It lies beside the package in the zip, as `bench_probe.py`, and the function's handler is
`bench_probe.handle`: the package itself is the one that `make package` made. Environment:

    BENCH_HANDLER   the real one, such as worker.runtime.aws_lambda.handle_polls
    BENCH_FILE      where to append a line of JSON per invocation (see `bench.waiting.invocations`)

Requests are counted where they leave, so one that is repeated counts twice: those to AWS by service
and operation, all others as `hautech.api` or, for pictures that go up or down, `hautech.media`.
"""

from __future__ import annotations

import time

_BEGUN_S, _BEGUN_CPU_S = time.perf_counter(), time.process_time()

import http.client  # noqa: E402 - the imports are what the clock above measures
import importlib  # noqa: E402
import json  # noqa: E402
import math  # noqa: E402
import os  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from botocore.handlers import BUILTIN_HANDLERS  # noqa: E402

_UNIT_BYTES = 1024
"""A write request unit covers 1 KB (Source: DynamoDB guide, on-demand capacity)."""

_seen: list[str] = []


def _count(event_name: str, request: Any, **_: Any) -> None:
    """Handler of the SDK's `before-send`; `event_name` is `before-send.sqs.SendMessage`, say."""
    call = event_name.partition(".")[2]
    _seen.append(call)
    if call in {"dynamodb.PutItem", "dynamodb.UpdateItem"}:
        # The request is longer than the item (it names types and conditions), so this is an upper bound.
        _seen.extend(["dynamodb.writeUnits"] * math.ceil(len(request.body or b"") / _UNIT_BYTES))


_AWS = urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).netloc
_put_request = http.client.HTTPConnection.putrequest


def _count_others(
    self: http.client.HTTPConnection, method: str, url: str, *a: Any, **k: Any
) -> None:
    if f"{self.host}:{self.port}" != _AWS:
        _seen.append("hautech.api" if url.startswith("/v1/") else "hautech.media")
    _put_request(self, method, url, *a, **k)


http.client.HTTPConnection.putrequest = _count_others  # type: ignore[method-assign]

_HANDLERS: list[tuple[str, Callable[..., None]]] = BUILTIN_HANDLERS
_HANDLERS.append(("before-send", _count))  # every session registers these when it is made

os.environ["_HANDLER"] = os.environ["BENCH_HANDLER"]  # so that the module makes its clients now
_module, _, _name = os.environ["BENCH_HANDLER"].rpartition(".")
_handle = getattr(importlib.import_module(_module), _name)
_init_of_next = [
    {
        "initMs": 1000 * (time.perf_counter() - _BEGUN_S),
        "initCpuMs": 1000 * (time.process_time() - _BEGUN_CPU_S),
    }
]
"""Billed with the first invocation."""


def handle(event: Any, context: Any) -> Any:
    """One invocation of the real handler; its answer."""
    records = event.get("Records", []) if isinstance(event, dict) else []
    _seen.clear()
    at_s, begun_s, cpu_s = time.time(), time.perf_counter(), time.process_time()
    answer = _handle(event, context)
    line = {
        "function": _name.removeprefix("handle_"),
        "at": at_s,
        "ms": 1000 * (time.perf_counter() - begun_s),
        "cpuMs": 1000 * (time.process_time() - cpu_s),
        **(_init_of_next.pop() if _init_of_next else {"initMs": 0.0, "initCpuMs": 0.0}),
        "records": len(records),
        "kept": len(answer.get("batchItemFailures", [])),
        "calls": Counter(_seen),
    }
    with Path(os.environ["BENCH_FILE"]).open("a", encoding="utf-8") as file:
        file.write(
            json.dumps(line) + "\n"
        )  # one short write: lines of several processes stay whole
    return answer
