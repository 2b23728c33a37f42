"""The handlers under Lambda's own runtime client: init errors, batches, kills and timeouts."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.local import LocalStack
from tests.sandbox.test_end_to_end import events_of, request
from tests.support.runtime_api import PATIENCE_S, Answer, Function, function

REQUESTS = "worker.runtime.aws_lambda.handle_requests"
POLLS = "worker.runtime.aws_lambda.handle_polls"
RECONCILE = "worker.runtime.aws_lambda.handle_reconcile"

Stacks = Callable[..., LocalStack]
Photos = Callable[[LocalStack], dict[str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "function.log"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Connections to it are made, and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def batch_of(stack: LocalStack, queue_url: str, *, visibility_s: int = 300) -> dict[str, Any]:
    """A batch as Lambda's poller makes it, as soon as there is a message."""
    sqs = stack.aws.client("sqs")

    def received() -> list[Any]:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=visibility_s,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(answer.get("Messages", ()))

    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for message in stack.wait_for(received, deadline_s=PATIENCE_S)
        ]
    }


def named(answer: Answer) -> set[str]:
    assert not answer.is_error, answer.document
    assert answer.was_in_time
    return {failure["itemIdentifier"] for failure in answer.document["batchItemFailures"]}


def delete_done(
    stack: LocalStack, queue_url: str, batch: dict[str, Any], answer: Answer
) -> set[str]:
    """What Lambda does with an answer. Returns what is kept."""
    kept = named(answer)
    for record in batch["Records"]:
        if record["messageId"] not in kept:
            stack.aws.client("sqs").delete_message(
                QueueUrl=queue_url, ReceiptHandle=record["receiptHandle"]
            )
    return kept


def poll_until_done(stack: LocalStack, running: Function) -> None:
    """Polls until no message is kept any more."""
    url = stack.outputs.poll_queue_url
    kept = {"one"}
    while kept:
        batch = batch_of(stack, url)
        kept = delete_done(stack, url, batch, running.invoke(batch))


def test_settings_that_cannot_work_are_an_init_error_with_all_of_them(log: Path) -> None:
    environment = {
        "AWS_REGION": "eu-west-1",
        "HAUTECH_API_TOKEN": "canary-token",
        "WORKER_CONCURRENCY": "many",
    }
    with function(REQUESTS, environment, log) as running:
        assert running.process.wait(PATIENCE_S) == 1
        error = running.api.init_errors.get(timeout=PATIENCE_S)
    assert error["errorType"] == "SettingsError"
    for name in ("WORKER_REQUEST_QUEUE_URL", "WORKER_JOB_TABLE", "WORKER_CONCURRENCY"):
        assert name in error["errorMessage"]
    assert "canary-token" not in json.dumps(error) + log.read_text()


def test_a_batch_is_accepted_polled_and_announced(
    log: Path, local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(workers=0, standin_options={"durationSeconds": 1})
    uris, url = photos(stack), stack.outputs.request_queue_url
    # With reuse, one of them would wait for the other's upload of the pose.
    environment = stack.worker_environment({"WORKER_LOG_FORMAT": "json", "WORKER_REUSE": "off"})
    for workflow in ("full-naomi", "prepare-pose"):
        stack.submit(request(stack, uris, workflow))
    with function(REQUESTS, environment, log) as running:
        done = 0
        while done < 2:
            batch = batch_of(stack, url)
            assert not delete_done(stack, url, batch, running.invoke(batch))
            done += len(batch["Records"])
        assert running.invoke({"Records": [{"body": "{}"}]}).is_error, "nobody can name it"
    with function(POLLS, environment, log) as running:
        ended = 0
        while ended < 2:
            batch = batch_of(stack, stack.outputs.poll_queue_url)
            kept = delete_done(stack, stack.outputs.poll_queue_url, batch, running.invoke(batch))
            ended += len(batch["Records"]) - len(kept)
    assert {event.data.status for event in events_of(stack, 2).values()} == {"succeeded"}
    with function(RECONCILE, environment, log) as running:
        assert running.invoke({}).document == {
            "woken": 0,
            "leftAlone": 0,
            "unreadable": 0,
            "unwritable": 0,
            "isComplete": True,
        }
    text = log.read_text()
    for metric in ("JobsSucceeded", "CreditsSpent", "OldestPipelineAgeSeconds", "HautechBalance"):
        assert f'"{metric}"' in text


def test_a_function_that_is_killed_in_the_middle_has_paid_once(
    log: Path, local_stack: Stacks, photos: Photos
) -> None:
    stack = local_stack(workers=0, standin_options={"durationSeconds": 0.5})
    uris, url = photos(stack), stack.outputs.request_queue_url
    environment = stack.worker_environment()
    stack.submit(request(stack, uris, "full-naomi"))
    with function(REQUESTS, environment, log) as running:
        assert not named(running.invoke({"Records": []}, timeout_s=28))
        running.api.begin(batch_of(stack, url, visibility_s=1))
        stack.wait_for(stack.standin.runs, deadline_s=PATIENCE_S)
        running.process.kill()
    with function(REQUESTS, environment, log) as running:
        assert not named(running.invoke({"Records": []}, timeout_s=28))
        kept = {"one"}
        while kept:
            batch = batch_of(stack, url, visibility_s=5)
            kept = delete_done(stack, url, batch, running.invoke(batch))
    with function(POLLS, environment, log) as running:
        poll_until_done(stack, running)
    (event,) = events_of(stack, 1).values()
    assert event.data.status == "succeeded"
    assert len(event.data.pipelines) == 1


def test_a_function_answers_before_its_timeout_although_hautech_does_not(
    log: Path, local_stack: Stacks, photos: Photos, silent_port: int
) -> None:
    stack = local_stack(workers=0)
    uris, url = photos(stack), stack.outputs.request_queue_url
    environment = stack.worker_environment({"HAUTECH_API_URL": f"http://127.0.0.1:{silent_port}"})
    stack.submit(request(stack, uris, "prepare-pose"))
    with function(REQUESTS, environment, log) as running:
        assert not named(running.invoke({"Records": []}))
        batch = batch_of(stack, url)
        kept = named(running.invoke(batch, timeout_s=14))
        assert kept == {record["messageId"] for record in batch["Records"]}
        assert "invocation_left_work" in log.read_text()
