"""Lifts the deletion protection of tables for as long as their stack is being deleted, and no longer.

In DynamoDB itself, not by the stack's `ProtectJobTable`: a stack that failed while it was made cannot
be updated, and a parameter that was turned off would stay so in later deployments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from worker.adapters.aws.errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_GOING = {"ResourceNotFoundException", "ResourceInUseException"}
"""What DynamoDB says of a table that is gone, or is being deleted."""


@contextmanager
def unprotected(account: Account, tables: Sequence[str]) -> Iterator[None]:
    """Protected tables are not, while the block lasts; those that are still there afterwards are again.

    Also when the block fails or is interrupted: that is said, since somebody must have wanted them gone.

    Raises:
        DeploymentError: DynamoDB refuses; nothing of the block has been done then.
    """
    client = account.session.client("dynamodb")
    lifted = [table for table in tables if _is_protected(client, table)]
    try:
        for table in lifted:
            _protect(client, table, is_on=False)
        yield
    finally:
        for table in lifted:
            _protect_again(client, table)


def _protect_again(client: DynamoDBClient, table: str) -> None:
    """Says how it went, and never raises: why the table is still there must be told first."""
    try:
        if _protect(client, table, is_on=True):
            print(f"table {table} is still there, and protected against deletion again")
    except (DeploymentError, BotoCoreError) as error:
        print(
            f"{error}: it is still there and no longer protected against deletion: "
            f"`aws dynamodb update-table --table-name {table} --deletion-protection-enabled`"
        )


def _is_protected(client: DynamoDBClient, table: str) -> bool:
    try:
        return client.describe_table(TableName=table)["Table"].get(
            "DeletionProtectionEnabled", False
        )
    except ClientError as error:
        if error_code(error) in _GOING:
            return False
        raise DeploymentError(f"table {table}: {error}") from error


def _protect(client: DynamoDBClient, table: str, *, is_on: bool) -> bool:
    """Whether the table is there and does as told now."""
    try:
        client.update_table(TableName=table, DeletionProtectionEnabled=is_on)
    except ClientError as error:
        if error_code(error) in _GOING:
            return False
        raise DeploymentError(f"table {table}: {error}") from error
    return True
