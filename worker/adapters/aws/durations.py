"""The duration board in DynamoDB: one item of the job table that is no job.

    pk               "durations#v1": another form of the text would have another key
    durations        the durations as JSON text
    expiresAtEpochS  a week after it was written last, DynamoDB removes it

It has no `state`, so the index that lists jobs does not have it. It is written only if `durations`
is still what the writer read, whatever that was:

    one worker      ── read A ─────────────── put A + own, if still A ──► stored
    another worker  ──── read A ── put A + own, if still A ─────────────► refused: later, on the newer
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, aws_errors, error_code
from worker.adapters.duration_text import durations_from_text, durations_to_text
from worker.jobs.durations import KEPT, Seen
from worker.ports.durations import DurationSheet

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY: Final = "durations#v1"

_PUT = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")
_GET = AwsCall("DynamoDB", "GetItem", "dynamodb:GetItem")


class DynamoDurationBoard:
    """The DurationBoard port on the job table. A sheet's mark is the attribute as it was read."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def read(self) -> DurationSheet:
        """See `DurationBoard.read`."""
        with aws_errors(_GET, self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": KEY}}, ConsistentRead=True
            )
        found = answer.get("Item", {}).get("durations")
        try:
            seen = {} if found is None else durations_from_text(_text(found))
        except ValueError as error:
            return DurationSheet(
                seen={}, mark=found, problem=f"{KEY} in table {self._table}: {error}"
            )
        return DurationSheet(seen=seen, mark=found)

    def replace(self, sheet: DurationSheet, seen: Mapping[str, Seen], *, at: datetime) -> bool:
        """See `DurationBoard.replace`.

        A write of which the answer was lost may be repeated by the SDK and then fail against itself:
        that counts as not written, and the same durations come in once more. They weigh double then.
        """
        unchanged: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(durations)"}
        if sheet.mark is not None:
            unchanged = {
                "ConditionExpression": "durations = :read",
                "ExpressionAttributeValues": {":read": sheet.mark},
            }
        with aws_errors(_PUT, self._table):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        "pk": {"S": KEY},
                        "durations": {"S": durations_to_text(seen)},
                        "expiresAtEpochS": {"N": str(int((at + KEPT).timestamp()))},
                    },
                    **unchanged,
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True


def _text(attribute: Mapping[str, Any]) -> str:
    match attribute:
        case {"S": str(text)}:
            return text
        case _:
            raise ValueError(f"no durations: an attribute of type {', '.join(attribute)}")
