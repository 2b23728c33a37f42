"""What the image for Lambda promises: its functions make a job under AWS's runtime client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sandbox.local import LocalStack
from tests.image.commands import ImageCheckError
from tests.image.containers import started
from tests.image.images import Images
from tests.image.worker_image import photos
from tests.sandbox.test_end_to_end import events_of, request, runs_by_step
from tests.support.runtime_api import RuntimeApi

_HANDLER: Final = "worker.runtime.aws_lambda.handle_"
_DEADLINE_S: Final = 60


def check_lambda(images: Images, image: str) -> list[str]:
    """What was seen, one line each.

    Raises:
        ImageCheckError: a promise does not hold.
    """
    with LocalStack(workers=0, standin_options={"durationSeconds": 0}) as stack:
        uris = photos(stack)
        stack.submit(request(stack, uris, "full-naomi"))
        with _function(images, image, stack, "requests") as api:
            _work(stack, api, stack.outputs.request_queue_url)
        with _function(images, image, stack, "polls") as api:
            stack.wait_for(
                lambda: _work(stack, api, stack.outputs.poll_queue_url), deadline_s=_DEADLINE_S
            )
            (event,) = events_of(stack, 1).values()
        paid = runs_by_step(stack)
        if event.data.status != "succeeded" or set(paid.values()) != {1}:
            raise ImageCheckError(f"the functions made {event.data.status} of it, paid {paid}")
    return ["handle_requests and handle_polls made a job, paid once, under awslambdaric"]


@contextmanager
def _function(images: Images, image: str, stack: LocalStack, name: str) -> Iterator[RuntimeApi]:
    handler = _HANDLER + name
    with RuntimeApi() as api:
        environment = stack.worker_environment(
            {
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": name,
                "_HANDLER": handler,
            }
        )
        with started(images, image, f"function-{name}", environment, command=[handler]):
            yield api


def _work(stack: LocalStack, api: RuntimeApi, queue_url: str) -> bool:
    """Does what Lambda does with a queue, once; whether a message came and was done with."""
    sqs = stack.aws.client("sqs")
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        WaitTimeSeconds=1,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    if not (messages := answer.get("Messages", [])):
        return False
    (message,) = messages
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    told = api.begin({"Records": [record]}).answer()
    if told.is_error:
        raise ImageCheckError(f"the function failed: {json.dumps(told.document)}")
    if told.document["batchItemFailures"]:
        return False
    sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return True
