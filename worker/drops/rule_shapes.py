"""The shape of a rules file: which fields a rule has and what each one may be.

What only makes sense together (names that the path gives, parts, presets) is checked where the
rule is compiled.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, Field

from worker.contracts.fields import REQUEST_CONFIG, broken_rule

IMAGE_EXTENSIONS: Final = ("jpg", "jpeg", "png", "webp", "heic", "heif", "tif", "tiff", "avif")
MANIFEST_EXTENSIONS: Final = ("csv", "jsonl", "json")
MAX_RULES: Final = 200
MAX_SETTLE_S: Final = 900
SETTLE_TOGETHER_S: Final = 20
"""How long a photo waits for what belongs to it unless the rule says otherwise."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,16}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\??")


def check_name(text: str) -> str:
    """`text` if it may be the name of a rule or a preset; raises pydantic's error in our words."""
    if not _NAME.fullmatch(text):
        raise broken_rule("must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit")
    return text


def _extensions(given: list[str]) -> list[str]:
    for one in given:
        if not _EXTENSION.fullmatch(one.removeprefix(".")):
            raise broken_rule("each must be letters and digits, without a dot in it", "such as jpg")
    return [one.removeprefix(".").lower() for one in given]


def _parts(given: dict[str, str]) -> dict[str, str]:
    for word in given:
        if not _PART.fullmatch(word):
            raise broken_rule(
                "each part must be letters, digits, _ and -, with a ? behind it if it may be missing",
                "such as front: imageId",
            )
    return given


class RuleShape(BaseModel):
    """One rule as it is written."""

    model_config = REQUEST_CONFIG

    name: Annotated[
        str,
        AfterValidator(check_name),
        Field(description="Stands in logs, records and error documents.", examples=["garments"]),
    ]
    bucket: Annotated[
        str | None,
        Field(
            description="The watched bucket; not needed where there is one input bucket.",
            examples=["catalog"],
        ),
    ] = None
    match: Annotated[
        str,
        Field(
            description="Which keys are meant, with names for what differs.",
            examples=["inbox/{season}/{sku}.{ext}"],
        ),
    ]
    extensions: Annotated[
        list[str] | None,
        AfterValidator(lambda given: given and _extensions(given)),
        Field(
            min_length=1,
            description="Extensions of the files that are meant, in any case; unless given, "
            f"{', '.join(IMAGE_EXTENSIONS)} (manifests: {', '.join(MANIFEST_EXTENSIONS)}).",
            examples=[["jpg", "png"]],
        ),
    ] = None
    preset: Annotated[
        str | None, Field(description="The preset below the request.", examples=["studio"])
    ] = None
    request: Annotated[
        dict[str, Any],
        Field(
            description="Fields of the request, over the preset's.",
            examples=[{"workflow": "full-naomi"}],
        ),
    ] = Field(default_factory=dict)
    photo: Annotated[
        str | None,
        Field(
            min_length=1,
            description="The field of `input` that gets the photo; imageId unless given.",
            examples=["imageId"],
        ),
    ] = None
    parts: Annotated[
        dict[str, str] | None,
        AfterValidator(lambda given: given and _parts(given)),
        Field(
            min_length=1,
            description="Instead of `photo`: photos that make one request together. By the word "
            "that {part} stands for, the field of `input`; a word with ? may be missing.",
            examples=[{"front": "imageId", "pose": "poseImageId"}],
        ),
    ] = None
    parts_within_seconds: Annotated[
        int | None,
        Field(
            ge=0,
            le=86_400,
            description="How long an incomplete group is waited for before its error document "
            "says what is missing; 900 unless given. It is worked on whenever it is complete.",
            examples=[900],
        ),
    ] = None
    fan_out: Annotated[
        dict[str, list[Any]],
        Field(
            description="Lists for fields of `input`: one request for each combination.",
            examples=[{"seed": [1, 2]}],
        ),
    ] = Field(default_factory=dict)
    output: Annotated[
        str | None,
        Field(
            description="Where the pictures go, as in a request, with names in it.",
            examples=["s3://shop/{season}/{sku}/"],
        ),
    ] = None
    metadata: Annotated[
        dict[str, Any],
        Field(description="As in a request, with names in its texts.", examples=[{"sku": "{sku}"}]),
    ] = Field(default_factory=dict)
    tenant: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Becomes `metadata.tenant`; no sidecar changes it.",
            examples=["acme"],
        ),
    ] = None
    sidecar: Annotated[
        bool,
        Field(
            description="Whether sku.json or sku.yaml beside the photo overrides the request.",
            examples=[True],
        ),
    ] = False
    settle_seconds: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_SETTLE_S,
            description="How long a photo rests before it is looked at; "
            f"{SETTLE_TOGETHER_S} with sidecar or parts, otherwise 0.",
            examples=[30],
        ),
    ] = None
    on_success: Annotated[
        dict[str, str],
        Field(
            description="copyTo or moveTo a folder, once the job has succeeded.",
            examples=[{"copyTo": "processed/{season}/"}],
        ),
    ] = Field(default_factory=dict)
    on_failure: Annotated[
        dict[str, str],
        Field(
            description="copyTo or moveTo a folder, once the job has failed.",
            examples=[{"moveTo": "failed/{season}/"}],
        ),
    ] = Field(default_factory=dict)
    errors: Annotated[
        bool,
        Field(
            description="Whether a failed drop leaves `NAME.error.json` where its picture would "
            "have been.",
            examples=[True],
        ),
    ] = True
    manifest: Annotated[
        bool,
        Field(
            description="The file is a list of requests: it becomes a batch, and `request` is the "
            "template of its rows.",
            examples=[True],
        ),
    ] = False
    results_to: Annotated[
        str | None,
        Field(
            description="Where the list of results of a manifest goes; beside its outputs unless "
            "given.",
            examples=["s3://shop/results/"],
        ),
    ] = None
    credit_cap: Annotated[
        str | None,
        Field(
            description="About the most credits that the batch of a manifest may cost: no further "
            "row is sent that would likely go beyond it.",
            examples=["12.5"],
        ),
    ] = None
