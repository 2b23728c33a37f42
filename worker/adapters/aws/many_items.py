"""Many items of the job table in one call: read by their keys, or written without a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.errors import ThrottledError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH_GET = AwsCall("DynamoDB", "BatchGetItem", "dynamodb:BatchGetItem")
_BATCH_WRITE = AwsCall("DynamoDB", "BatchWriteItem", "dynamodb:BatchWriteItem")

_GET_MOST: Final = 100
_WRITE_MOST: Final = 25
"""Source: DynamoDB quotas, BatchGetItem and BatchWriteItem."""

Item = dict[str, Any]


def get_many(client: DynamoDBClient, table: str, keys: Sequence[str]) -> list[Item]:
    """The items with these partition keys that are there, in no order (eventually consistent)."""
    items: list[Item] = []
    for first in range(0, len(keys), _GET_MOST):
        wanted: Any = {
            table: {"Keys": [{"pk": {"S": key}} for key in keys[first : first + _GET_MOST]]}
        }
        while wanted:
            with aws_errors(_BATCH_GET, table):
                answer = client.batch_get_item(RequestItems=wanted)
            found = answer.get("Responses", {}).get(table, [])
            items += found
            # An answer has 16 MB at most; what did not fit is named. No item at all: throttled.
            wanted = answer.get("UnprocessedKeys")
            if wanted and not found:
                raise ThrottledError(f"{_BATCH_GET} on {table}: no item was read")
    return items


def put_many(client: DynamoDBClient, table: str, items: Sequence[Item]) -> None:
    """Write items whole, each replacing what was there under its key."""
    for first in range(0, len(items), _WRITE_MOST):
        wanted: Any = {
            table: [{"PutRequest": {"Item": one}} for one in items[first : first + _WRITE_MOST]]
        }
        while wanted:
            before = len(wanted[table])
            with aws_errors(_BATCH_WRITE, table):
                wanted = client.batch_write_item(RequestItems=wanted).get("UnprocessedItems")
            if wanted and len(wanted[table]) == before:
                raise ThrottledError(f"{_BATCH_WRITE} on {table}: no item was written")
