"""Result events on an SNS topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

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

    def publish(self, event_json: str, attributes: Mapping[str, str]) -> None:
        """See `ResultTopic.publish`. Attributes without a value are left out: SNS takes none."""
        with aws_errors(_PUBLISH, self._topic_arn):
            self._client.publish(
                TopicArn=self._topic_arn,
                Message=event_json,
                MessageAttributes=string_attributes(attributes),
            )
