"""What one poll costs in a batch: `handle_polls` invoked by hand with 1, 10, 50 and 100 pending jobs.

The emulator invokes with what it finds at the moment, mostly one message, where AWS waits for a
batching window to fill a batch. So the share of one poll in a batch is measured apart.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.load import Load
from bench.waiting.deployed import Deployed
from bench.waiting.invocations import Invocation
from sandbox.local import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

SIZES: Final = (1, 10, 50, 100)
_REPEATED: Final = 5
_PENDING_S: Final = 3600.0
_INTAKE_S: Final = 600.0
_RECEIVE_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShare:
    """One poll of a pending pipeline in a batch of that size; medians of several invocations.

    Attributes:
        size: messages in the batch.
        handler_ms: of the whole invocation.
        ms_per_poll: of it, for each message.
        cpu_ms_per_poll: the same on a CPU.
        reckoned_ms_per_poll: what Lambda would bill (see `Invocation.reckoned_ms`).
        sqs_per_poll: requests, with the receiving that Lambda does.
    """

    size: int
    handler_ms: float
    ms_per_poll: float
    cpu_ms_per_poll: float
    reckoned_ms_per_poll: float
    sqs_per_poll: float


def measure_batches(stack: LocalStack, deployed: Deployed, load: Load) -> list[BatchShare]:
    """Starts as many pipelines as the largest batch has, and polls them in batches. Stops the polling.

    Raises:
        RuntimeError: not all of them came up, or one was not pending.
    """
    deployed.stop_polling("polls")
    stack.standin.set_options(durationSeconds=_PENDING_S)
    runs = stack.standin.counters()["runs"]
    load.send_at_once(load.requests(max(SIZES)))
    stack.wait_for(
        lambda: stack.standin.counters()["runs"] - runs >= max(SIZES), deadline_s=_INTAKE_S
    )
    records = [_record(message) for message in _received(stack, max(SIZES))]
    deployed.invoke("polls", {"Records": records[:1]})  # it may have to start first
    return [_measured(deployed, records[:size]) for size in SIZES]


def _measured(deployed: Deployed, records: Sequence[dict[str, Any]]) -> BatchShare:
    found = [deployed.invoke("polls", {"Records": list(records)}) for _ in range(_REPEATED)]
    if not all(one.is_waiting for one in found):
        raise RuntimeError(f"not all of {len(records)} polls found their pipeline pending: {found}")
    return _share(len(records), found)


def _share(size: int, found: Sequence[Invocation]) -> BatchShare:
    handler_ms = statistics.median(one.ms for one in found)
    return BatchShare(
        size=size,
        handler_ms=handler_ms,
        ms_per_poll=handler_ms / size,
        cpu_ms_per_poll=statistics.median(one.cpu_ms for one in found) / size,
        reckoned_ms_per_poll=statistics.median(one.reckoned_ms for one in found) / size,
        sqs_per_poll=statistics.median(one.sqs_requests for one in found) / size,
    )


def _received(stack: LocalStack, count: int) -> list[MessageTypeDef]:
    """So many poll messages, hidden from everybody else."""
    sqs = stack.aws.client("sqs")
    messages: list[MessageTypeDef] = []
    until_s = time.monotonic() + _RECEIVE_S
    while len(messages) < count:
        if time.monotonic() > until_s:
            raise RuntimeError(f"only {len(messages)} of {count} poll messages came")
        messages += sqs.receive_message(
            QueueUrl=stack.outputs.poll_queue_url,
            MaxNumberOfMessages=min(10, count - len(messages)),
            WaitTimeSeconds=2,
            VisibilityTimeout=600,
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
    return messages


def _record(message: MessageTypeDef) -> dict[str, Any]:
    """As Lambda hands it to a function (Source: Lambda guide, example SQS event)."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:polls",
        "awsRegion": "eu-west-1",
    }
