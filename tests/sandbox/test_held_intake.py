"""A real worker before an empty account: requests stay in their queue until somebody fills it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from sandbox.local import LocalStack
from tests.sandbox.test_end_to_end import Photos, Stacks, events_of, request, runs_by_step
from worker.adapters.aws.notices import DynamoNoticeBoard
from worker.ports.notices import HoldReason

HELD_REQUESTS = 40
"""Many more than are tried while a busy machine gets to look."""


def asking(stack: LocalStack) -> Callable[[str], str]:
    """Asks the worker's health port, which is in its log."""
    (worker,) = stack.workers
    found = stack.wait_for(
        lambda: re.search(r"health_started.*?port=(\d+)", worker.log_text), deadline_s=30
    )
    assert found is not None
    port = int(found[1])

    def ask(path: str) -> str:
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    return ask


def waiting(stack: LocalStack) -> int:
    """Requests in the queue that nobody has in hand."""
    answer = stack.aws.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs.request_queue_url,
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def requests_sent_to_rest(metrics: str) -> float:
    """How often a request was received and put back, by the worker's figures."""
    found = re.search(
        r'messages_handled_total\{outcome="retry_later",queue="requests"\} (\S+)', metrics
    )
    assert found is not None
    return float(found[1])


def test_requests_wait_in_their_queue_while_the_account_is_empty(
    local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(
        standin_options={"durationSeconds": 1, "balance": "0", "refuseWhenBroke": True},
        worker_module="tests.sandbox.hasty_worker",
        worker_env={"WORKER_HEALTH_PORT": "0", "WORKER_HEALTH_HOST": "127.0.0.1"},
    )
    ask, uris = asking(stack), photos(stack)

    def intake() -> Any:
        return json.loads(ask("/readyz"))["intake"]

    stack.submit(request(stack, uris, "prepare-image", requestId="first"))
    stack.wait_for(lambda: intake()["reason"] == "out_of_funds", deadline_s=60)
    for number in range(HELD_REQUESTS):
        stack.submit(request(stack, uris, "prepare-image", requestId=f"held-{number}"))

    assert 'hautech_worker_circuit_open{reason="out_of_funds"} 1.0' in ask("/metrics")
    board = DynamoNoticeBoard(stack.aws.client("dynamodb"), stack.outputs.job_table_name)
    notice = board.read()
    assert notice is not None
    assert notice.reason is HoldReason.OUT_OF_FUNDS
    # One may be in hand, if a long poll was under way or a try was due; all others wait unreceived.
    stack.wait_for(lambda: waiting(stack) >= HELD_REQUESTS - 2, deadline_s=60)
    # Those that were received, before the trouble was known or as tries, are fewer than those held.
    assert requests_sent_to_rest(ask("/metrics")) < HELD_REQUESTS

    stack.standin.set_options(refuseWhenBroke=False)
    names = ["first", *(f"held-{number}" for number in range(HELD_REQUESTS))]

    def are_over() -> bool:
        jobs = [stack.job(name) for name in names]
        return all(job is not None and job.state.is_final for job in jobs)

    # The next try comes within seconds, later the more were made before the account was filled.
    stack.wait_for(are_over, deadline_s=120)
    events = events_of(stack, len(names))
    assert {event.data.status for event in events.values()} == {"succeeded"}
    assert sum(runs_by_step(stack).values()) == HELD_REQUESTS + 1
    assert intake()["isHeld"] is False
    assert 'hautech_worker_circuit_open{reason="out_of_funds"} 0.0' in ask("/metrics")
