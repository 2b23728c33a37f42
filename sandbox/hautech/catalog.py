"""What the stand-in knows by heart: the four workflows, their inputs, tasks, prices and sizes.

Source: the API's page of available workflows (ids, inputs, aspect ratios). Prices are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Literal

InputKind = Literal["imageId", "poseId", "string", "ratio", "boolean", "integer"]
Produces = Literal["picture", "prepared-image", "pose", "literal"]

ASPECT_RATIOS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "1:1": (1024, 1024),
        "9:7": (1152, 896),
        "7:9": (896, 1152),
        "7:10": (832, 1200),
        "10:7": (1200, 832),
        "13:19": (832, 1216),
        "19:13": (1216, 832),
        "7:4": (1344, 768),
        "4:7": (768, 1344),
        "12:5": (1536, 640),
        "5:12": (640, 1536),
    }
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One operation inside a workflow: its method name and its share of the price."""

    operation: str
    price_share: Decimal


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the catalogue.

    Attributes:
        id: UUID used in the run routes.
        name: our word for it, also the key of per-workflow options.
        alias: name used by the public alias route.
        required: input names with the kind of value each must have.
        optional: the same for inputs that may be absent or null.
        stages: operations in order; their price shares add up to 1.
        produces: what a completed run leaves behind.
        price: default cost in credits.
    """

    id: str
    name: str
    alias: str
    required: Mapping[str, InputKind]
    optional: Mapping[str, InputKind]
    stages: tuple[Stage, ...]
    produces: Produces
    price: Decimal


_SHARED: dict[str, InputKind] = {"label": "string", "enhancePrompt": "boolean", "seed": "integer"}

WORKFLOWS: tuple[Workflow, ...] = (
    Workflow(
        id="dc1bd611-effc-443c-978a-88593553588d",
        name="full-naomi",
        alias="naomi-full",
        required=MappingProxyType(
            {
                "poseImageId": "imageId",
                "aspectRatio": "ratio",
                "imageId": "imageId",
                "prompt": "string",
            }
        ),
        optional=MappingProxyType({**_SHARED, "isHuman": "boolean"}),
        stages=(
            Stage("pose.estimation.v1", Decimal("0.2")),
            Stage("segmentation.v1", Decimal("0.2")),
            Stage("naomi.v1", Decimal("0.6")),
        ),
        produces="picture",
        price=Decimal("0.04375"),
    ),
    Workflow(
        id="b8bfacd4-e6e8-401b-91ce-acc01f1f2b75",
        name="naomi",
        alias="naomi-pipeline",
        required=MappingProxyType({"poseId": "poseId", "imageId": "imageId", "prompt": "string"}),
        optional=MappingProxyType(_SHARED),
        stages=(Stage("naomi.v1", Decimal(1)),),
        produces="picture",
        price=Decimal("0.02625"),
    ),
    Workflow(
        id="31789314-f1c5-4c9f-9c41-0b6708015788",
        name="prepare-image",
        alias="naomi-prepare-image",
        required=MappingProxyType({"imageId": "imageId"}),
        optional=MappingProxyType({"label": "string", "isHuman": "boolean"}),
        stages=(Stage("segmentation.v1", Decimal(1)),),
        produces="prepared-image",
        price=Decimal("0.00875"),
    ),
    Workflow(
        id="b4aa5223-8e67-4e62-9b70-1672d1bc43c9",
        name="prepare-pose",
        alias="naomi-prepare-pose",
        required=MappingProxyType({"poseImageId": "imageId", "aspectRatio": "ratio"}),
        optional=MappingProxyType({}),
        stages=(Stage("pose.estimation.v1", Decimal(1)),),
        produces="pose",
        price=Decimal("0.00875"),
    ),
)

WORKFLOW_NAMES = tuple(workflow.name for workflow in WORKFLOWS)


def custom_workflow(workflow_id: str) -> Workflow:
    """A workflow that is not in the catalogue but made known by an option."""
    return Workflow(
        id=workflow_id,
        name=workflow_id,
        alias=workflow_id,
        required=MappingProxyType({}),
        optional=MappingProxyType({}),
        stages=(Stage("custom.v1", Decimal(1)),),
        produces="literal",
        price=Decimal("0.01"),
    )
