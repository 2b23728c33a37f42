"""The stacks of one deployment: what each is, how it stands, and which others belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from worker.errors import CredentialsRefusedError, WorkerError
from worker.runtime.commands.deployed.asking import Aws

RESOURCES_PARAMETER: Final = "ResourcesStackName"
"""Parameter of every stack on top: the resources stack that it stands on."""

_RESOURCES_PREFIX: Final = "hautech-worker-resources-"
_USUAL_PREFIXES: Final = (
    "hautech-worker-",
    "hautech-worker-container-",
    "hautech-worker-monitoring-",
)


class Kind(StrEnum):
    """What a stack was made from, in the words of its line in the report."""

    RESOURCES = "resources"
    FUNCTIONS = "functions"
    CONTAINER = "container"
    MONITORING = "monitoring"


TEMPLATES: Final[Mapping[Kind, str]] = {
    Kind.RESOURCES: "infra/resources.yml",
    Kind.FUNCTIONS: "serverless.yml",
    Kind.CONTAINER: "infra/container.yml",
    Kind.MONITORING: "infra/monitoring.yml",
}

_TELLING: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.RESOURCES: frozenset({"RequestVisibilityTimeoutSeconds", "PollVisibilityTimeoutSeconds"}),
    Kind.FUNCTIONS: frozenset({RESOURCES_PARAMETER, "FunctionPrefix", "HautechSecretArn"}),
    Kind.CONTAINER: frozenset({RESOURCES_PARAMETER, "ImageUri"}),
    Kind.MONITORING: frozenset({RESOURCES_PARAMETER, "OldestRequestSeconds"}),
}
"""Parameters that only a stack of that kind has. Parameters, since a broken stack has no outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack as CloudFormation describes it."""

    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def kind(self) -> Kind | None:
        """What it was made from; None if not from a template of the worker."""
        for kind, names in _TELLING.items():
            if names <= self.parameters.keys():
                return kind
        return None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A resources stack with the stacks on top of it that were asked about."""

    resources: Stack
    on_top: tuple[Stack, ...]

    @property
    def stage(self) -> str:
        """Its name in `make deploy STAGE=…`; "" when the stack was made by other means."""
        name = self.resources.name
        return name.removeprefix(_RESOURCES_PREFIX) if name.startswith(_RESOURCES_PREFIX) else ""

    def of(self, kind: Kind) -> list[Stack]:
        """Its stacks of one kind."""
        return [stack for stack in (self.resources, *self.on_top) if stack.kind is kind]


def read_stack(aws: Aws, name: str) -> Stack | None:
    """The stack of that name; None when there is none.

    Raises:
        WorkerError: CloudFormation cannot be asked.
    """
    try:
        answer = aws.ask("cloudformation:DescribeStacks", f"stack {name}", StackName=name)
    except CredentialsRefusedError:
        raise
    except WorkerError as error:
        if "does not exist" in error.message:
            return None
        raise
    described: dict[str, Any] = answer["Stacks"][0]
    return Stack(
        name=described["StackName"],
        status=described["StackStatus"],
        reason=described.get("StackStatusReason", ""),
        parameters={
            one["ParameterKey"]: one.get("ParameterValue", "")
            for one in described.get("Parameters", ())
        },
        outputs={
            one["OutputKey"]: one.get("OutputValue", "") for one in described.get("Outputs", ())
        },
    )


def stacks_on(aws: Aws, resources: Stack) -> list[Stack]:
    """The stacks that stand on a resources stack, by what they import and by their usual names.

    Raises:
        WorkerError: CloudFormation cannot be asked about one of them.
    """
    found = []
    for name in sorted(_importers(aws, resources) | _usual_names(resources)):
        stack = read_stack(aws, name)
        if stack is not None and stack.parameters.get(RESOURCES_PARAMETER) == resources.name:
            found.append(stack)
    return found


def physical_ids(aws: Aws, stack: Stack, resource_type: str) -> list[str]:
    """What the resources of one type are called that a stack has made.

    Raises:
        WorkerError: CloudFormation cannot be asked.
    """
    action = "cloudformation:DescribeStackResources"
    answer = aws.ask(action, f"stack {stack.name}", StackName=stack.name)
    return [
        one["PhysicalResourceId"]
        for one in answer["StackResources"]
        if one.get("ResourceType") == resource_type and one.get("PhysicalResourceId")
    ]


def _importers(aws: Aws, resources: Stack) -> set[str]:
    found: set[str] = set()
    # Between them, what all kinds of stacks on top import.
    for output in ("RequestQueueUrl", "RequestQueueName"):
        export = f"{resources.name}-{output}"
        try:
            found |= {
                str(name)
                for name in aws.list(
                    "cloudformation:ListImports", f"export {export}", "Imports", ExportName=export
                )
            }
        except WorkerError:
            # It is an error to CloudFormation that nobody imports it; and whoever may not ask, or
            # asks an emulator that cannot say, still finds the stacks by their names.
            continue
    return found


def _usual_names(resources: Stack) -> set[str]:
    if not resources.name.startswith(_RESOURCES_PREFIX):
        return set()
    stage = resources.name.removeprefix(_RESOURCES_PREFIX)
    return {f"{prefix}{stage}" for prefix in _USUAL_PREFIXES}
