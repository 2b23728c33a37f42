"""Takes a stage away again: functions first, on request the resources; buckets with data stay."""

from __future__ import annotations

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.env_file import remove_env_file
from infra.deployment.errors import DeploymentError
from infra.deployment.osls import remove_functions
from infra.deployment.pending import look_for_work
from infra.deployment.protection import unprotected
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from worker.adapters.aws.errors import error_code

_BUCKET = "AWS::S3::Bucket"
_KEY = "AWS::KMS::Key"
_TABLE = "AWS::DynamoDB::Table"


def remove_stage(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    *,
    with_resources: bool,
    is_forced: bool = False,
) -> None:
    """Removes the functions and, on request, alarms, queues, table, topic and empty buckets.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        with_resources: whether the resources go too, the record of what was paid among them.
        is_forced: whether they go also while something is left to do.

    Raises:
        DeploymentError: other stacks stand on the resources, something is left to do, or something
            cannot be deleted; it names that. A job table that is still there is protected as before.
    """
    if with_resources and stacks.status(stage.container_stack) is not None:
        raise DeploymentError(
            f"nothing was removed: stack {stage.container_stack} runs on these resources: "
            f"`make undeploy-container STAGE={stage.name}` first, or leave out RESOURCES=1"
        )
    look_before_removal(account, stage, stacks, with_resources=with_resources, is_forced=is_forced)
    if stacks.status(stage.functions_stack) is None:
        print(f"there is no stack {stage.functions_stack}")
    else:
        remove_functions(account, stage)
    if with_resources:
        remove_resources(account, stage, stacks)


def look_before_removal(
    account: Account, stage: Stage, stacks: Stacks, *, with_resources: bool, is_forced: bool
) -> None:
    """Looks for stacks of others that stand on the resources, and for what is left to do.

    Raises:
        DeploymentError: there is some of it, and the resources are to go.
    """
    outputs = stacks.outputs(stage.resources_stack)
    own = {stage.functions_stack, stage.container_stack, stage.monitoring_stack}
    if with_resources and (others := stacks.importers(stage.resources_stack) - own):
        raise DeploymentError(
            f"nothing was removed: {', '.join(sorted(others))} imports from "
            f"{stage.resources_stack}: remove that first, or leave out RESOURCES=1"
        )
    look_for_work(account, outputs, goes=with_resources, is_forced=is_forced)


def remove_resources(account: Account, stage: Stage, stacks: Stacks) -> None:
    """Removes alarms, queues, table, topic and empty buckets; says what stays.

    Raises:
        DeploymentError: something cannot be deleted.
    """
    stacks.delete(stage.monitoring_stack)  # as long as it imports from them, the resources stay
    if stacks.status(stage.resources_stack) is None:
        print(f"there is no stack {stage.resources_stack}")
    else:
        _remove_resources(account, stacks, stage.resources_stack)
    remove_env_file(stage.name)  # it points at what is gone
    _name_the_secret(account, stage.secret_name)


def _remove_resources(account: Account, stacks: Stacks, name: str) -> None:
    buckets = stacks.resources(name, _BUCKET)
    keys = stacks.resources(name, _KEY)
    tables = stacks.resources(name, _TABLE)
    with unprotected(account, tables):
        stacks.delete(name)
    for table in tables:
        print(
            f"table {table} is deleted, the record of what was paid; "
            "DynamoDB keeps a last backup for 35 days"
        )
    _remove_empty(account, buckets)
    for key in keys:
        print(
            f"key {key} stays, for without it nobody reads what it encrypted; it costs by the month: "
            f"`aws kms schedule-key-deletion --key-id {key}` when nothing of that is needed"
        )


def _name_the_secret(account: Account, name: str) -> None:
    client = account.session.client("secretsmanager")
    try:
        stays = "DeletedDate" not in client.describe_secret(SecretId=name)
    except ClientError as error:  # who may not look at it is told of it all the same
        stays = error_code(error) != "ResourceNotFoundException"
    if stays:
        print(f"a secret {name} stays: `aws secretsmanager delete-secret --secret-id {name}`")


def _remove_empty(account: Account, buckets: list[str]) -> None:
    """The stack keeps its buckets; those in which nothing lies are removed here."""
    s3 = account.session.client("s3")
    for bucket in buckets:
        try:
            # An emulator, unlike AWS, deletes a bucket whatever lies in it.
            held = s3.list_object_versions(Bucket=bucket, MaxKeys=1)
            if held.get("Versions") or held.get("DeleteMarkers"):
                print(f"bucket {bucket} holds data and stays; delete it by hand if you want to")
                continue
            s3.delete_bucket(Bucket=bucket)
            print(f"bucket {bucket} was empty and is gone")
        except ClientError as error:
            if error_code(error) not in {"NoSuchBucket", "404"}:
                raise DeploymentError(f"bucket {bucket}: {error}") from error
