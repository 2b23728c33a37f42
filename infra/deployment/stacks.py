"""CloudFormation stacks: made or changed, waited for, and their first failure named."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from infra.deployment.errors import DeploymentError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import (
        ParameterTypeDef,
        StackEventTypeDef,
        StackTypeDef,
    )

DEADLINE_S = 1800.0
_LOOK_EVERY_S = 3.0
_TURNED = ("_FAILED", "ROLLBACK_IN_PROGRESS")


class Stacks:
    """The stacks of an account and region.

    Args:
        client: CloudFormation.
        look_every_s: how long to wait between two looks at a stack that changes.
        say: told what a wait is for.
    """

    def __init__(
        self,
        client: CloudFormationClient,
        *,
        look_every_s: float = _LOOK_EVERY_S,
        say: Callable[[str], None] = print,
    ) -> None:
        self._client = client
        self._look_every_s = look_every_s
        self._say = say

    def status(self, name: str) -> str | None:
        """`CREATE_COMPLETE` and the like; None when there is no such stack."""
        stack = self._find(name)
        return stack["StackStatus"] if stack else None

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of a stack by name; empty when there is none."""
        stack = self._find(name)
        outputs = stack.get("Outputs", []) if stack else []
        return {one["OutputKey"]: one["OutputValue"] for one in outputs}

    def parameters(self, name: str) -> dict[str, str]:
        """The parameters of a stack by name, as they were given or by default; empty when there is none."""
        stack = self._find(name)
        parameters = stack.get("Parameters", []) if stack else []
        return {one["ParameterKey"]: one.get("ParameterValue", "") for one in parameters}

    def apply(
        self,
        name: str,
        template: str,
        *,
        parameters: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Makes the stack, or changes it to what the template says; its outputs.

        Args:
            name: of the stack.
            template: its text, 51,200 bytes at most.
            parameters: those to set; others keep the value they have, or the default.
            tags: for the stack and all that is in it.

        Raises:
            DeploymentError: refused or failed; it names the resource that failed first.
        """
        given = dict(parameters or {})
        labels = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        try:
            if self.status(name) is None:
                self._say(f"creating stack {name} …")
                stack_id = self._client.create_stack(
                    StackName=name,
                    TemplateBody=template,
                    Parameters=_given(given),
                    Capabilities=["CAPABILITY_IAM"],
                    Tags=labels,  # type: ignore[arg-type]  # Key and Value, as it wants
                    OnFailure="DELETE",  # what could not be made stands in nobody's way
                )["StackId"]
            else:
                self._say(f"updating stack {name} …")
                known = self._client.get_template_summary(TemplateBody=template)["Parameters"]
                kept = {*self.parameters(name)} & {one["ParameterKey"] for one in known}
                stack_id = self._client.update_stack(
                    StackName=name,
                    TemplateBody=template,
                    Parameters=_given(given, kept),
                    Capabilities=["CAPABILITY_IAM"],
                    Tags=labels,  # type: ignore[arg-type]  # the same
                )["StackId"]
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return self.outputs(name)
            raise DeploymentError(f"stack {name}: {error}") from error
        self._wait(name, stack_id, {"CREATE_COMPLETE", "UPDATE_COMPLETE"})
        return self.outputs(name)

    def delete(self, name: str) -> None:
        """Deletes a stack and waits; nothing if there is none.

        Raises:
            DeploymentError: something in it cannot be deleted; it names that.
        """
        stack = self._find(name)
        if stack is None:
            return
        self._say(f"deleting stack {name} …")
        try:
            self._client.delete_stack(StackName=name)
        except ClientError as error:
            raise DeploymentError(f"stack {name}: {error}") from error
        self._wait(name, stack.get("StackId", name), {"DELETE_COMPLETE"})

    def resources(self, name: str, resource_type: str) -> list[str]:
        """Physical ids of a stack's resources of one type that are there, such as its buckets."""
        found = self._client.describe_stack_resources(StackName=name)["StackResources"]
        return [
            one["PhysicalResourceId"]
            for one in found
            if one.get("ResourceType") == resource_type  # an emulator names none for some
            and one.get("PhysicalResourceId")
            and one["ResourceStatus"] != "DELETE_COMPLETE"
        ]

    def importers(self, name: str) -> set[str]:
        """The stacks that import something which this one exports; those that can be found out."""
        stack = self._find(name)
        outputs = stack.get("Outputs", []) if stack else []
        found: set[str] = set()
        pages = self._client.get_paginator("list_imports")
        for export in [one["ExportName"] for one in outputs if "ExportName" in one]:
            try:
                found |= {
                    one for page in pages.paginate(ExportName=export) for one in page["Imports"]
                }
            except ClientError:
                # It is an error to CloudFormation that nobody imports it; and whoever may not ask
                # learns the name of whoever does when the stack cannot be deleted.
                continue
            except ResponseParserError:  # an emulator that cannot say
                break
        return found

    def _find(self, name: str) -> StackTypeDef | None:
        try:
            (stack,) = self._client.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise DeploymentError(f"stack {name}: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise DeploymentError(f"stack {name}: {error}") from error
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def _wait(self, name: str, stack_id: str, wanted: set[str]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while True:
            # By its id: a deleted stack is no longer found by its name.
            try:
                (stack,) = self._client.describe_stacks(StackName=stack_id)["Stacks"]
                status = stack["StackStatus"]
            except ClientError as error:
                if "does not exist" not in str(error):
                    raise DeploymentError(f"stack {name}: {error}") from error
                status = "DELETE_COMPLETE"
            if status in wanted:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeploymentError(
                    f"stack {name} ended {status}: {self._first_failure(stack_id)}"
                )
            if time.monotonic() > deadline:
                raise DeploymentError(f"stack {name} is still {status} after {DEADLINE_S:g} s")
            time.sleep(self._look_every_s)

    def _first_failure(self, stack_id: str) -> str:
        """What failed first in the last change: the others were only cancelled because of it."""
        events = self._last_change(stack_id)
        for one in events:
            if one["ResourceStatus"].endswith("_FAILED") and not _is_of_stack(one):
                return (
                    f"{one['LogicalResourceId']} ({one['ResourceType']}): "
                    f"{one.get('ResourceStatusReason', 'no reason given')}"
                )
        # No resource is to blame when an output would change that another stack imports: then the
        # stack itself turns back and says why.
        for one in events:
            if one["ResourceStatus"].endswith(_TURNED) and "ResourceStatusReason" in one:
                return one["ResourceStatusReason"]
        return "no resource says why; see its events in the console"

    def _last_change(self, stack_id: str) -> list[StackEventTypeDef]:
        """Events since somebody last asked for a change, oldest first: not what failed before."""
        found: list[StackEventTypeDef] = []
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for one in (event for page in pages for event in page["StackEvents"]):  # newest first
            found.append(one)
            if _is_of_stack(one) and one.get("ResourceStatusReason") == "User Initiated":
                break
        return found[::-1]


def _is_of_stack(event: StackEventTypeDef) -> bool:
    return event.get("PhysicalResourceId") == event["StackId"]


def _given(given: Mapping[str, str], kept: set[str] | None = None) -> list[ParameterTypeDef]:
    new: list[ParameterTypeDef] = [
        {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
    ]
    old: list[ParameterTypeDef] = [
        {"ParameterKey": key, "UsePreviousValue": True}
        for key in sorted((kept or set()) - {*given})
    ]
    return new + old
