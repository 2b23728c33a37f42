"""Lets the demo and the tests see the events of a topic: a queue of their own, subscribed to it."""

import json
import secrets
from collections.abc import Mapping

from sandbox.aws.clients import LocalAws


def subscribe_queue(
    aws: LocalAws,
    topic_arn: str,
    *,
    raw: bool = True,
    filter_policy: Mapping[str, object] | None = None,
) -> str:
    """Makes a queue that receives everything announced on the topic; its URL.

    Args:
        aws: the emulator.
        topic_arn: the topic, such as the stack's `ResultTopicArn`.
        raw: the queue's message is the event itself with its message attributes; otherwise it is
            SNS's envelope, with the event as text in `Message`.
        filter_policy: of the message attributes, such as `{"status": ["failed"]}`; all if None.
    """
    sqs = aws.client("sqs")
    queue_url = sqs.create_queue(QueueName=f"events-{secrets.token_hex(6)}")["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    queue_arn = answer["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(
        QueueUrl=queue_url,
        Attributes={"Policy": json.dumps(_topic_may_send(topic_arn, queue_arn))},
    )
    attributes = {"RawMessageDelivery": str(raw).lower()}
    if filter_policy is not None:
        attributes["FilterPolicy"] = json.dumps(dict(filter_policy))
    aws.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, Attributes=attributes
    )
    return queue_url


def _topic_may_send(topic_arn: str, queue_arn: str) -> dict[str, object]:
    # Without it SNS drops the messages silently.
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
