"""The workflows that a request can name, each with Hautech's id for it and the model of its input.

Any other workflow of the account can be named by its UUID; its input is passed through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from worker.contracts.aspect_ratios import ASPECT_RATIO_SIZES, AspectRatio
from worker.contracts.inputs import (
    FullNaomiInput,
    NaomiInput,
    PrepareImageInput,
    PreparePoseInput,
    WorkflowInput,
)

__all__ = [
    "ANY_CASE_UUID",
    "ASPECT_RATIO_SIZES",
    "WORKFLOWS",
    "AspectRatio",
    "WorkflowName",
    "WorkflowSpec",
    "is_workflow_uuid",
    "workflow_id_of",
]

_HEX = "[0-9a-fA-F]"
ANY_CASE_UUID = f"^{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}$"
_UUID = re.compile(ANY_CASE_UUID.strip("^$").replace("A-F", ""))


class WorkflowName(StrEnum):
    """Stable names: they stand in messages and records and outlive names in code."""

    FULL_NAOMI = "full-naomi"
    NAOMI = "naomi"
    PREPARE_IMAGE = "prepare-image"
    PREPARE_POSE = "prepare-pose"


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """One named workflow. `workflow_id` is the UUID under which Hautech runs it."""

    name: WorkflowName
    workflow_id: str
    input_model: type[WorkflowInput]


# Source of the ids: Hautech docs, available workflows.
WORKFLOWS: Mapping[str, WorkflowSpec] = MappingProxyType(
    {
        str(spec.name): spec
        for spec in (
            WorkflowSpec(
                WorkflowName.FULL_NAOMI, "dc1bd611-effc-443c-978a-88593553588d", FullNaomiInput
            ),
            WorkflowSpec(WorkflowName.NAOMI, "b8bfacd4-e6e8-401b-91ce-acc01f1f2b75", NaomiInput),
            WorkflowSpec(
                WorkflowName.PREPARE_IMAGE,
                "31789314-f1c5-4c9f-9c41-0b6708015788",
                PrepareImageInput,
            ),
            WorkflowSpec(
                WorkflowName.PREPARE_POSE, "b4aa5223-8e67-4e62-9b70-1672d1bc43c9", PreparePoseInput
            ),
        )
    }
)
"""The named workflows by name."""


def is_workflow_uuid(workflow: str) -> bool:
    """Whether `workflow` is a UUID in its usual form, lower case."""
    return _UUID.fullmatch(workflow) is not None


def workflow_id_of(workflow: str) -> str:
    """The UUID to run for the `workflow` of a request: a name's own, or the UUID itself.

    Raises:
        ValueError: `workflow` is neither; a parsed request never has such a one.
    """
    if spec := WORKFLOWS.get(workflow):
        return spec.workflow_id
    if is_workflow_uuid(workflow):
        return workflow
    raise ValueError(f"{workflow!r} is neither {', '.join(WORKFLOWS)} nor a workflow UUID")
