"""The notice board in DynamoDB: one item of the job table that is no job.

    pk               "circuit#hautech"
    notice           the notice as JSON text
    expiresAtEpochS  a week after it was told, DynamoDB removes it

It has no `state`, so the index that lists jobs does not have it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.adapters.notice_text import notice_from_text, notice_to_text
from worker.ports.notices import CircuitNotice

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "circuit#hautech"
_KEPT = timedelta(days=7)

_PUT = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")
_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")


class DynamoNoticeBoard:
    """The NoticeBoard port on the job table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def post(self, notice: CircuitNotice) -> None:
        """See `NoticeBoard.post`."""
        expires_at = notice.told_at + _KEPT
        with aws_errors(_PUT, self._table):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": KEY},
                    "notice": {"S": notice_to_text(notice)},
                    "expiresAtEpochS": {"N": str(int(expires_at.timestamp()))},
                },
            )

    def read(self) -> CircuitNotice | None:
        """See `NoticeBoard.read`."""
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": KEY}})
        text = answer.get("Item", {}).get("notice", {}).get("S")
        return None if text is None else notice_from_text(text)
