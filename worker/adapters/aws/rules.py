"""The last good rules in DynamoDB: one item of the job table that is no job.

    pk       "rules#drop"
    source   the URI of the file
    text     all of it

It has no `state`, so the index that lists jobs does not have it, and it does not expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.ports.rules import KeptRules

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "rules#drop"

_PUT = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")
_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")


class DynamoRulesShelf:
    """The RulesShelf port on the job table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def keep(self, rules: KeptRules) -> None:
        """See `RulesShelf.keep`."""
        with aws_errors(_PUT, self._table):
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": KEY},
                    "source": {"S": rules.source},
                    "text": {"S": rules.text},
                },
            )

    def read(self) -> KeptRules | None:
        """See `RulesShelf.read`."""
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": KEY}})
        item = answer.get("Item")
        if not item or not item.get("text", {}).get("S"):
            return None
        return KeptRules(source=item.get("source", {}).get("S", ""), text=item["text"]["S"])
