"""Takes a stage away again: functions first, on request the resources; buckets with data stay."""

from __future__ import annotations

from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.osls import remove_functions
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from worker.adapters.aws.errors import error_code

_BUCKET = "AWS::S3::Bucket"
_KEY = "AWS::KMS::Key"
_TABLE = "AWS::DynamoDB::Table"


def remove_stage(
    account: Account, stage: Stage, stacks: Stacks, template: str, *, with_resources: bool
) -> None:
    """Removes the functions and, on request, alarms, queues, table, topic and empty buckets.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        template: text of infra/resources.yml, to lift the table's protection with.
        with_resources: whether the resources go too, the record of what was paid among them.

    Raises:
        DeploymentError: containers still run on the resources, or something cannot be deleted; it
            names that.
    """
    if with_resources and stacks.status(stage.container_stack) is not None:
        # Found out at the end, it would leave the table without its protection.
        raise DeploymentError(
            f"nothing was removed: stack {stage.container_stack} runs on these resources: "
            f"`make undeploy-container STAGE={stage.name}` first, or leave out RESOURCES=1"
        )
    if stacks.status(stage.functions_stack) is None:
        print(f"there is no stack {stage.functions_stack}")
    else:
        remove_functions(account, stage)
    if not with_resources:
        return
    stacks.delete(stage.monitoring_stack)  # as long as it imports from them, the resources stay
    name = stage.resources_stack
    if stacks.status(name) is None:
        print(f"there is no stack {name}")
        return
    buckets = stacks.resources(name, _BUCKET)
    keys = stacks.resources(name, _KEY)
    if (stacks.status(name) or "").startswith(("ROLLBACK", "DELETE", "CREATE_FAILED")):
        _unprotect(account, stacks.resources(name, _TABLE))
    else:
        stacks.apply(name, template, parameters={"ProtectJobTable": "false"}, tags=stage.tags)
    stacks.delete(name)
    _remove_empty(account, buckets)
    for key in keys:
        print(
            f"key {key} stays, for without it nobody reads what it encrypted; it costs by the month: "
            f"`aws kms schedule-key-deletion --key-id {key}` when nothing of that is needed"
        )
    print(
        f"a secret {stage.secret_name} stays: "
        f"`aws secretsmanager delete-secret --secret-id {stage.secret_name}`"
    )


def _unprotect(account: Account, tables: list[str]) -> None:
    """Lifts the protection of tables whose stack cannot be updated any more.

    A stack that failed while it was made cannot take back a protected table either.
    """
    dynamodb = account.session.client("dynamodb")
    for table in tables:
        try:
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise DeploymentError(f"table {table}: {error}") from error


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
