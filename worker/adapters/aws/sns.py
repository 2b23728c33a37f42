"""Result events on an SNS topic."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.adapters.aws.sqs import string_attributes

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_PUBLISH = AwsCall("SNS", "Publish", "sns:Publish")


class SnsResultTopic:
    """The ResultTopic port on one topic.

    A repeated request publishes the event twice, with the same event id: consumers drop it.
    """

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._present = threading.local()
        client.meta.events.register("before-call.sns.Publish", self._add_trace)

    def publish(
        self, event_json: str, attributes: Mapping[str, str], *, trace: str | None = None
    ) -> None:
        """See `ResultTopic.publish`. Attributes without a value are left out: SNS takes none."""
        self._present.trace = trace
        try:
            with aws_errors(_PUBLISH, self._topic_arn):
                self._client.publish(
                    TopicArn=self._topic_arn,
                    Message=event_json,
                    MessageAttributes=string_attributes(attributes),
                )
        finally:
            self._present.trace = None

    def _add_trace(self, params: dict[str, Any], **_: object) -> None:
        """The job's own trace, which SNS hands on to its subscribers.

        The SDK by itself sends the one of the Lambda invocation, which serves many jobs (Source:
        botocore.handlers, add_recursion_detection_header). A call begins on the thread that asked
        for it.
        """
        trace = getattr(self._present, "trace", None)
        if trace:
            params["headers"]["X-Amzn-Trace-Id"] = trace
