"""The inputs of the four Hautech workflows, as strict models; the names are the API's own.

Source: Hautech docs, available workflows (which inputs, which are required). Bounds that the API
does not state (lengths, the seed's upper end) are ours and on the careful side.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from worker.contracts.aspect_ratios import AspectRatio
from worker.contracts.fields import REQUEST_CONFIG, ImageReference, broken_rule, looks_like_s3

MAX_PROMPT_CHARACTERS = 10_000
MAX_LABEL_CHARACTERS = 500
MAX_SEED = 2_147_483_647


def _or_a_list(schema: dict[str, Any]) -> None:
    """Several seeds are the request's business: the workflow gets one of them (`variants`)."""
    one = {"type": "integer", "minimum": 0, "maximum": MAX_SEED}
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": 16, "uniqueItems": True}
    schema["anyOf"].append(several)


PoseImageId = Annotated[
    ImageReference,
    Field(
        description="Photo whose pose is copied: a Hautech image id or an s3:// URI.",
        examples=["s3://catalog/poses/standing.png"],
    ),
]
GarmentImageId = Annotated[
    ImageReference,
    Field(
        description="Photo of the garment: a Hautech image id or an s3:// URI.",
        examples=["s3://catalog/raw/sku-1042.png"],
    ),
]
Ratio = Annotated[
    AspectRatio,
    Field(description="Width to height of the picture.", examples=["7:10"]),
]
Prompt = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_PROMPT_CHARACTERS,
        description="What to show: model, stance, garments, background.",
        examples=["A young woman in a white jacket, grey studio background"],
    ),
]
Label = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=MAX_LABEL_CHARACTERS,
        description="What the garment is; the service uses it to find the garment in the photo.",
        examples=["a white jacket"],
    ),
]
IsHuman = Annotated[
    bool | None,
    Field(description="Whether a person wears the garment in its photo.", examples=[False]),
]
EnhancePrompt = Annotated[
    bool | None,
    Field(description="Let the service rewrite the prompt.", examples=[True]),
]
Seed = Annotated[
    int | None,
    Field(
        ge=0,
        le=MAX_SEED,
        description="Seed of the random numbers. A list of up to 16 gives a picture for each.",
        examples=[42],
        json_schema_extra=_or_a_list,
    ),
]


class WorkflowInput(BaseModel):
    """What every workflow input has in common: nothing but its strictness."""

    model_config = REQUEST_CONFIG


class FullNaomiInput(WorkflowInput):
    """A garment photo and a pose photo in, a model photo out."""

    pose_image_id: PoseImageId
    aspect_ratio: Ratio
    image_id: GarmentImageId
    prompt: Prompt
    label: Label = None
    is_human: IsHuman = None
    enhance_prompt: EnhancePrompt = None
    seed: Seed = None


class NaomiInput(WorkflowInput):
    """A prepared pose and a prepared garment in, a model photo out.

    S3 URIs stand for raw photos, which are prepared first, each in a step of its own. Only then
    are `aspectRatio`, `isHuman` and (for the garment) `label` needed there; the Naomi workflow
    itself takes neither of the first two.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"poseId": {"pattern": "^s3://"}}, "required": ["poseId"]},
            "then": {"required": ["aspectRatio"]},
        }
    )

    pose_id: Annotated[
        ImageReference,
        Field(
            description="Id of a prepared pose (a pose id, no image id), or the s3:// URI of a "
            "pose photo to prepare first; then aspectRatio is required.",
            examples=["s3://catalog/poses/standing.png"],
        ),
    ]
    image_id: Annotated[
        ImageReference,
        Field(
            description="Id of a prepared garment image, or the s3:// URI of a garment photo to "
            "prepare first.",
            examples=["s3://catalog/raw/sku-1042.png"],
        ),
    ]
    prompt: Prompt
    label: Label = None
    enhance_prompt: EnhancePrompt = None
    seed: Seed = None
    is_human: Annotated[
        bool | None,
        Field(
            examples=[False],
            description="Used only when the garment photo is prepared first.",
        ),
    ] = None
    aspect_ratio: Annotated[
        AspectRatio | None,
        Field(
            validate_default=True,
            examples=["7:10"],
            description="Used only when the pose photo is prepared first, and required then.",
        ),
    ] = None

    @field_validator("aspect_ratio", mode="after")
    @classmethod
    def _is_there_for_a_raw_pose(cls, value: str | None, info: ValidationInfo) -> str | None:
        # A field validator, not a model validator: it also speaks up when other fields are wrong.
        if value is None and looks_like_s3(info.data.get("pose_id", "")):
            raise broken_rule(
                "is required when poseId is an s3:// URI, because the pose is prepared first",
                'add it, such as "7:10"',
            )
        return value


class PrepareImageInput(WorkflowInput):
    """A garment photo in, a prepared garment image out."""

    image_id: GarmentImageId
    label: Label = None
    is_human: IsHuman = None


class PreparePoseInput(WorkflowInput):
    """A pose photo in, a prepared pose out."""

    pose_image_id: PoseImageId
    aspect_ratio: Ratio
