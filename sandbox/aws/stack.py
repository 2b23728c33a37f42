"""Deploys the real CloudFormation template to an emulator and says which resource failed and why."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.aws.clients import LocalAws

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

RESOURCES_TEMPLATE = Path(__file__).resolve().parents[2] / "infra" / "resources.yml"

DEPLOY_DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.02


class DeployError(Exception):
    """A stack could not be deployed: "stack demo: JobTable (AWS::DynamoDB::Table) CREATE_FAILED: …"."""


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """The outputs of `infra/resources.yml` that a worker needs, one field each."""

    request_queue_url: str
    poll_queue_url: str
    dead_letter_queue_url: str
    job_table_name: str
    result_topic_arn: str
    input_bucket_name: str
    output_bucket_name: str

    @classmethod
    def from_mapping(cls, outputs: Mapping[str, str]) -> Self:
        """Reads CloudFormation's names, such as `RequestQueueUrl`; others are left out.

        Raises:
            DeployError: some are missing; it names them all.
        """
        missing = [name for name in OUTPUT_NAMES.values() if not outputs.get(name)]
        if missing:
            raise DeployError(
                f"the stack has no output {', '.join(missing)}: deploy infra/resources.yml, "
                "whose outputs the worker relies on"
            )
        return cls(**{field: outputs[name] for field, name in OUTPUT_NAMES.items()})


OUTPUT_NAMES: Mapping[str, str] = {
    "request_queue_url": "RequestQueueUrl",
    "poll_queue_url": "PollQueueUrl",
    "dead_letter_queue_url": "DeadLetterQueueUrl",
    "job_table_name": "JobTableName",
    "result_topic_arn": "ResultTopicArn",
    "input_bucket_name": "InputBucketName",
    "output_bucket_name": "OutputBucketName",
}
"""Field of `StackOutputs` and the stack output it comes from."""


def deploy(
    aws: LocalAws,
    stack_name: str,
    *,
    template: Path = RESOURCES_TEMPLATE,
    parameters: Mapping[str, str] | None = None,
) -> StackOutputs:
    """Creates a resources stack and waits until it is complete.

    Args:
        aws: the emulator.
        stack_name: a name that is new there; generated resource names begin with it.
        template: CloudFormation template with the outputs of `infra/resources.yml`.
        parameters: values for the template's parameters; the others keep their default.

    Raises:
        DeployError: as `create_stack`, or an output that the worker needs is missing.
    """
    return StackOutputs.from_mapping(
        create_stack(aws, stack_name, template=template, parameters=parameters)
    )


def create_stack(
    aws: LocalAws,
    stack_name: str,
    *,
    template: Path,
    parameters: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Creates a stack of any template, waits until it is complete and returns its outputs.

    Raises:
        DeployError: refused, failed or not complete within `DEPLOY_DEADLINE_S`; it names the
            resource that failed first, and the reason.
    """
    cloudformation = aws.client("cloudformation")
    try:
        cloudformation.create_stack(
            StackName=stack_name,
            TemplateBody=template.read_text(encoding="utf-8"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in (parameters or {}).items()
            ],
        )
        stack = _wait_until_settled(cloudformation, stack_name)
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"stack {stack_name} from {template}: {error}") from error
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise DeployError(_failure(cloudformation, stack))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def turn_expiry_on(aws: LocalAws, table: str) -> None:
    """What `TimeToLiveSpecification` of the template's job table does, where it is not deployed."""
    aws.client("dynamodb").update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"AttributeName": "expiresAtEpochS", "Enabled": True},
    )


def _wait_until_settled(cloudformation: "CloudFormationClient", stack_name: str) -> "StackTypeDef":
    deadline = time.monotonic() + DEPLOY_DEADLINE_S
    while True:
        stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        if time.monotonic() > deadline:
            raise DeployError(
                f"stack {stack_name} is still {stack['StackStatus']} after {DEPLOY_DEADLINE_S:g} s"
            )
        time.sleep(_LOOK_EVERY_S)


def _failure(cloudformation: "CloudFormationClient", stack: "StackTypeDef") -> str:
    """Names the first resource that failed: the others were only cancelled because of it."""
    name, status = stack["StackName"], stack["StackStatus"]
    events = cloudformation.describe_stack_events(StackName=stack.get("StackId", name))
    failed = [
        event
        for event in reversed(events["StackEvents"])  # newest first
        if event.get("ResourceStatus", "").endswith("_FAILED")
        and event.get("LogicalResourceId") != name
    ]
    if not failed:
        return f"stack {name} ended {status}: {stack.get('StackStatusReason', 'no reason given')}"
    first = failed[0]
    return (
        f"stack {name} ended {status}: {first.get('LogicalResourceId')} "
        f"({first.get('ResourceType')}) {first.get('ResourceStatus')}: "
        f"{first.get('ResourceStatusReason', 'no reason given')}"
    )
