"""A record's item in DynamoDB, written only if a condition holds, and how its own echo is known.

The SDK repeats a write whose answer was lost. If the first one had taken effect, its condition fails
against itself: the refusal carries the item, and the item the token of the write that made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, aws_errors, error_code
from worker.adapters.aws.many_items import Item
from worker.errors import RecordTooLargeError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PUT = AwsCall("DynamoDB", "PutItem", "dynamodb:PutItem")


def put_if(
    client: DynamoDBClient,
    table: str,
    item: Item,
    condition: str,
    values: Item,
    *,
    what: str,
    names: dict[str, str] | None = None,
) -> Item | None:
    """None if it was stored; else the item that refused it, empty if it is not known.

    `values` and `names` are the placeholders of `condition`, `:x` and `#x`. Raises
    RecordTooLargeError, which names `what`, and passing errors.
    """
    arguments: Item = {"ExpressionAttributeValues": values} if values else {}
    if names:
        arguments["ExpressionAttributeNames"] = names
    with aws_errors(PUT, table):
        try:
            client.put_item(
                TableName=table,
                Item=item,
                ConditionExpression=condition,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **arguments,
            )
        except ClientError as error:
            if _is_too_large(error):
                message = f"{what}: DynamoDB says that its record is too large"
                raise RecordTooLargeError(message) from error
            found = refused_item(error)
            if found is None:
                raise
            return found
    return None


def refused_item(error: ClientError) -> Item | None:
    """The item that a condition failed on, empty if it does not exist; None for other errors."""
    if error_code(error) != "ConditionalCheckFailedException":
        return None
    # boto3's types do not know that this error carries the item.
    return cast("Item", error.response.get("Item", {}))


def token_of(item: Item) -> str | None:
    """The token of the write that made the item."""
    token: str | None = item.get("writeToken", {}).get("S")
    return token


def _is_too_large(error: ClientError) -> bool:
    # The code is shared by all bad arguments; the text is the only sign (Source: DynamoDB answers
    # "Item size has exceeded the maximum allowed size").
    return error_code(error) == "ValidationException" and "Item size" in str(error)
