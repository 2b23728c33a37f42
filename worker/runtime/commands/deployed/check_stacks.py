"""Checks the stacks of a deployment: found, complete, with the outputs that everything relies on."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Final

from worker.contracts.text import shorten
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.stacks import (
    RESOURCES_PARAMETER,
    TEMPLATES,
    Deployment,
    Kind,
    Stack,
    read_stack,
    stacks_on,
)
from worker.runtime.commands.deployed.variables import FROM_OUTPUTS
from worker.runtime.commands.findings import Finding

AREA: Final = "Stacks"

OUTPUTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.RESOURCES: (
        *FROM_OUTPUTS.values(),
        "RequestQueueArn",
        "PollQueueArn",
        "DeadLetterQueueArn",
        "JobTableArn",
        "InputBucketArn",
        "OutputBucketArn",
        "RequestQueueName",
        "PollQueueName",
        "DeadLetterQueueName",
        "EncryptionKeyArn",
    ),
    Kind.FUNCTIONS: ("RequestsFunctionName", "PollsFunctionName", "ReconcileFunctionName"),
    Kind.CONTAINER: (
        "ClusterName",
        "ServiceName",
        "TaskRoleArn",
        "SecurityGroupId",
        "LogGroupName",
    ),
    Kind.MONITORING: ("AlarmTopicArn",),
}

_COMPLETE: Final = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_TAKEN_BACK: Final = {"UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}


def find_deployment(aws: Aws, name: str) -> Generator[Finding, None, Deployment | None]:
    """The deployment that a stack belongs to; a stack on top is looked at without its siblings.

    Returns None when there is nothing to look at; a finding has said why.

    Raises:
        WorkerError: CloudFormation cannot be asked.
    """
    named = read_stack(aws, name)
    if named is None:
        said = f"there is no such stack in {aws.region}"
        fix = (
            "name a stack of the worker (hautech-worker-STAGE, hautech-worker-container-STAGE, "
            "hautech-worker-resources-STAGE), or set AWS_REGION to where it is"
        )
        yield Finding(AREA, name, "failed", said, fix)
        return None
    if named.kind is None:
        said = "it was made from no template of the worker: none of their parameters is there"
        fix = f"name a stack made from {', '.join(TEMPLATES.values())}"
        yield Finding(AREA, name, "failed", said, fix)
        return None
    resources = named
    if named.kind is not Kind.RESOURCES:
        below = named.parameters[RESOURCES_PARAMETER]
        found = read_stack(aws, below)
        if found is None or found.kind is not Kind.RESOURCES:
            said = f"it stands on the resources stack {below}, which is not there"
            fix = f"deploy {TEMPLATES[Kind.RESOURCES]} under that name, or correct the parameter"
            yield Finding(AREA, name, "failed", said, fix)
            return None
        resources = found
    on_top = stacks_on(aws, resources)
    if named.kind in {Kind.FUNCTIONS, Kind.CONTAINER}:
        on_top = [named, *(one for one in on_top if one.kind is Kind.MONITORING)]
    return Deployment(resources, tuple(on_top))


def check_stacks(deployment: Deployment) -> Iterator[Finding]:
    """How each stack stands, what it should tell, and whether anything runs and anybody watches."""
    for stack in (deployment.resources, *deployment.on_top):
        yield _status(stack)
        yield from _outputs(stack)
    if not deployment.of(Kind.FUNCTIONS) and not deployment.of(Kind.CONTAINER):
        said = "nothing works on the requests: there are neither functions nor containers on it"
        fix = "`make deploy` or `make deploy-container`; or name the stack of what runs"
        yield Finding(AREA, "workers", "warning", said, fix)
    if not deployment.of(Kind.MONITORING):
        said = "no alarms: there is no stack of infra/monitoring.yml on it"
        is_container = not deployment.of(Kind.FUNCTIONS) and deployment.of(Kind.CONTAINER)
        command = "deploy-container IMAGE=…" if is_container else "deploy"
        fix = f'`make {command} MONITORING_PARAMS="AlarmEmail=…"`'
        yield Finding(AREA, "monitoring", "warning", said, fix)


def _status(stack: Stack) -> Finding:
    words = f"{stack.kind}, {stack.status}"
    why = f": {shorten(stack.reason, 300)}" if stack.reason else ""
    look = f"`aws cloudformation describe-stack-events --stack-name {stack.name}` says what failed"
    if stack.status in _COMPLETE:
        return Finding(AREA, stack.name, "ok", words)
    if stack.status.endswith("_IN_PROGRESS"):
        said = f"{words}: it is being changed"
        return Finding(AREA, stack.name, "warning", said, "look again when that has ended")
    if stack.status in _TAKEN_BACK:
        said = f"{words}: the last update failed, and what was before it runs{why}"
        return Finding(AREA, stack.name, "warning", said, f"{look}; then deploy again")
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        fix = f"{look}; put it right, then `aws cloudformation continue-update-rollback`"
        return Finding(AREA, stack.name, "failed", f"{words}{why}", fix)
    return Finding(AREA, stack.name, "failed", f"{words}{why}", f"{look}; delete it, deploy again")


def _outputs(stack: Stack) -> Iterator[Finding]:
    if stack.kind is None:
        return
    missing = [name for name in OUTPUTS[stack.kind] if not stack.outputs.get(name)]
    if missing:
        said = f"it has no output {', '.join(missing)}"
        fix = f"deploy {TEMPLATES[stack.kind]} of this checkout"
        yield Finding(AREA, stack.name, "failed", said, fix)
