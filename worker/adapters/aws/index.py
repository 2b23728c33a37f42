"""The index of the job table: what is in a state, by the time of its last change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from worker.adapters.aws.errors import AwsCall, aws_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX: Final = "byState"

_PAGE_ITEMS: Final = 200
"""Lines of the index per request when it is read from its old end."""

_QUERY = AwsCall("DynamoDB", "Query", "dynamodb:Query")


def listed(
    client: DynamoDBClient,
    table: str,
    state: str,
    *,
    page_items: int = _PAGE_ITEMS,
    is_newest_first: bool = False,
    before: str | None = None,
) -> Iterator[dict[str, Any]]:
    """The index's lines about a state, each page asked for when the one before is used up.

    `before` is a time as it stands in `updatedAt`: only what last changed earlier.
    """
    condition = "#state = :state"
    values: dict[str, Any] = {":state": {"S": state}}
    if before is not None:
        condition += " AND updatedAt < :before"
        values[":before"] = {"S": before}
    more: dict[str, Any] = {}
    while True:
        with aws_errors(_QUERY, f"{table}/index/{INDEX}"):
            page = client.query(
                TableName=table,
                IndexName=INDEX,
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},  # a reserved word
                ExpressionAttributeValues=values,
                ScanIndexForward=not is_newest_first,
                Limit=page_items,
                **more,
            )
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
