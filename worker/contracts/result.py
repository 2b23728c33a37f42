"""The result event: a CloudEvents 1.0 document that says how a request ended.

Its `data` is also the result document that stands in S3 beside the pictures. Consumers may drop
duplicates by `id`, which is the same however often an event is published.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from worker.contracts.attributes import MAX_METADATA_ATTRIBUTES, event_attributes
from worker.contracts.fields import OWN_CONFIG, READ_AT_ONCE, UtcTime
from worker.contracts.text import shorten
from worker.errors import Stage

__all__ = [
    "EVENT_SOURCE",
    "EVENT_TYPES",
    "MAX_METADATA_ATTRIBUTES",
    "ErrorInfo",
    "Input",
    "InsteadOf",
    "Output",
    "PipelineUse",
    "RenditionOutput",
    "ResultData",
    "ResultEvent",
    "Status",
    "Timings",
    "VariantResult",
    "message_attributes",
    "result_event",
]

Status = Literal["succeeded", "failed"]
EventType = Literal["ai.hautech.generation.succeeded", "ai.hautech.generation.failed"]

EVENT_SOURCE: Final = "/hautech-worker"
EVENT_TYPES: Mapping[Status, EventType] = MappingProxyType(
    {
        "succeeded": "ai.hautech.generation.succeeded",
        "failed": "ai.hautech.generation.failed",
    }
)

MAX_ERROR_CHARACTERS = 4_000
"""An event must fit into an SNS message (256 KiB) whatever the other side says."""

_Count = Annotated[int, Field(ge=0)]


class _Own(BaseModel):
    model_config = OWN_CONFIG


class InsteadOf(_Own):
    """The place that was asked for, where an object of somebody else stands."""

    uri: Annotated[str, Field(pattern="^s3://", examples=["s3://catalog/generated/front.png"])]
    request_id: Annotated[
        str | None,
        Field(description="Whose object it is; null if no request of a worker made it."),
    ] = None


class RenditionOutput(_Own):
    """A smaller copy of a picture in S3."""

    uri: Annotated[
        str, Field(pattern="^s3://", examples=["s3://catalog/generated/sku-1042-800w.webp"])
    ]
    content_type: Annotated[str, Field(examples=["image/webp"])]
    bytes: Annotated[_Count, Field(description="Size of the object.")]
    width: Annotated[
        _Count, Field(description="Pixels; less than was asked for if the picture has less.")
    ]
    height: Annotated[_Count, Field(description="Pixels.")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the object's bytes.")]


class Output(_Own):
    """One picture in S3. Width and height are pixels, `sha256` is 64 hex digits."""

    uri: Annotated[str, Field(pattern="^s3://", examples=["s3://catalog/generated/sku-1042.png"])]
    content_type: Annotated[str, Field(examples=["image/png"])]
    bytes: Annotated[_Count, Field(description="Size of the object.")]
    width: Annotated[_Count, Field(description="Pixels.")]
    height: Annotated[_Count, Field(description="Pixels.")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the object's bytes.")]
    image_id: Annotated[str | None, Field(description="Hautech's id of the picture.")] = None
    instead_of: Annotated[
        InsteadOf | None,
        Field(
            description="Set if the place that was asked for was taken: the picture is beside it."
        ),
    ] = None
    renditions: Annotated[
        tuple[RenditionOutput, ...], Field(description="Smaller copies, if they were asked for.")
    ] = ()


class Input(_Own):
    """A photo of the request that was changed before it was sent to Hautech."""

    uri: Annotated[str, Field(pattern="^s3://", description="As it stands in the request.")]
    image_id: Annotated[str | None, Field(description="Hautech's id of what was sent.")] = None
    changes: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="What was done, in words for people, which may change.",
            examples=[["HEIC saved as JPEG", "turned upright (orientation 6)"]],
        ),
    ]


class PipelineUse(_Own):
    """One pipeline that the request paid for, or tried to."""

    step: Annotated[str, Field(description="Which step of the request it was.")]
    pipeline_id: str
    credits: Annotated[
        str | None,
        Field(
            pattern=r"^-?[0-9]+(\.[0-9]+)?$",
            description="What Hautech charged, a decimal number as text; null if it did not say.",
            examples=["0.04375"],
        ),
    ] = None


class ErrorInfo(_Own):
    """Why a request failed. Codes are stable, messages are for people."""

    code: Annotated[str, Field(min_length=1, examples=["request.invalid"])]
    message: Annotated[str, BeforeValidator(lambda text: shorten(text, MAX_ERROR_CHARACTERS))]
    stage: Annotated[Stage, Field(description="How far the request had come.")]
    retryable: Annotated[bool, Field(description="Whether it may succeed if it is sent again.")]


class VariantResult(_Own):
    """How one of several pictures of a request ended."""

    n: Annotated[int, Field(ge=1, description="Which one, from 1.")]
    seed: Annotated[_Count, Field(description="Of its random numbers.")]
    status: Status
    outputs: Annotated[
        tuple[_Count, ...], Field(description="Its places in `outputs`, from 0; usually one.")
    ] = ()
    error: Annotated[ErrorInfo | None, Field(description="Null if it succeeded.")] = None


class Timings(_Own):
    """When what happened to a request."""

    accepted_at: UtcTime
    submitted_at: UtcTime | None = None
    pipeline_ended_at: UtcTime | None = None
    settled_at: UtcTime
    total_s: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="Seconds from accepted to settled.")
    ]


class ResultData(_Own):
    """How a request ended. `requestId` and `workflow` are null if they could not be read."""

    request_id: str | None
    workflow: str | None
    status: Status
    outputs: Annotated[tuple[Output, ...], Field(description="The pictures, in order.")] = ()
    result: Annotated[
        dict[str, Any],
        Field(description="Ids that the workflow gave, such as poseId or preparedImageId."),
    ] = Field(default_factory=dict)
    pipelines: tuple[PipelineUse, ...] = ()
    inputs: Annotated[
        tuple[Input, ...],
        Field(
            description="Photos that had to be changed; left out if none had to.",
            exclude_if=lambda inputs: not inputs,
        ),
    ] = ()
    error: Annotated[ErrorInfo | None, Field(description="Null if it succeeded.")] = None
    variants: Annotated[
        tuple[VariantResult, ...],
        Field(description="If several pictures were asked for: how each of them ended."),
    ] = ()
    partial: Annotated[
        bool, Field(description="It succeeded, and some of the variants did not.")
    ] = False
    timings: Timings
    metadata: Annotated[dict[str, Any], Field(description="As it stood in the request.")] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _error_goes_with_failure(self) -> Self:
        if (self.status == "failed") != (self.error is not None):
            raise ValueError("a failed result has an error and a succeeded one has none")
        return self

    def dumps(self) -> str:
        """The result document: the same values give the same text."""
        return self.model_dump_json()


class ResultEvent(_Own):
    """A CloudEvents 1.0 event in structured JSON form (Source: CloudEvents JSON format 1.0.2)."""

    model_config = READ_AT_ONCE

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[
        str,
        Field(min_length=1, description="The same for every copy of this event: drop duplicates."),
    ]
    source: Literal["/hautech-worker"] = EVENT_SOURCE
    type: EventType
    subject: Annotated[str | None, Field(min_length=1, description="The requestId.")]
    time: Annotated[UtcTime, Field(description="When the request was settled.")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: ResultData

    @model_validator(mode="after")
    def _attributes_repeat_the_data(self) -> Self:
        if self.type != EVENT_TYPES[self.data.status] or self.subject != self.data.request_id:
            raise ValueError("type and subject must say the same as data.status and data.requestId")
        return self

    def dumps(self) -> str:
        """The body of the SNS message: the same values give the same text."""
        return self.model_dump_json()

    @classmethod
    def loads(cls, body: str) -> Self:
        """The event in an SNS message body; raises pydantic's ValidationError if it is none."""
        return cls.model_validate_json(body)


def result_event(*, event_id: str, at: datetime, data: ResultData) -> ResultEvent:
    """The event that announces `data`; `at` (aware) is when the request was settled."""
    return ResultEvent(
        id=event_id,
        type=EVENT_TYPES[data.status],
        subject=data.request_id,
        time=at,
        data=data,
    )


def message_attributes(event: ResultEvent) -> dict[str, str]:
    """String attributes of the SNS message, for filter policies.

    `type`, `status`, `workflow` and `requestId` (those that are known), then text values of the
    metadata in their order, the first seven that SNS takes as attributes.
    """
    return event_attributes(
        {
            "type": event.type,
            "status": event.data.status,
            "workflow": event.data.workflow,
            "requestId": event.data.request_id,
        },
        event.data.metadata,
    )
