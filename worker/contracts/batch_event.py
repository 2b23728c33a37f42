"""The batch event: a CloudEvents 1.0 document that says what became of a batch, once it is over."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, Field

from worker.contracts.attributes import event_attributes
from worker.contracts.fields import OWN_CONFIG, UtcTime
from worker.contracts.result import EVENT_SOURCE

BATCH_COMPLETED: Final = "ai.hautech.batch.completed"

BatchStatus = Literal["succeeded", "partial", "failed", "cancelled"]
"""All rows succeeded; some did; none did; it was cancelled before all were over."""

_Count = Annotated[int, Field(ge=0)]


class _Own(BaseModel):
    model_config = OWN_CONFIG


class BatchCounts(_Own):
    """What became of the rows; all but `rows` add up to it."""

    rows: Annotated[_Count, Field(description="Rows of the manifest or matrix.")]
    succeeded: _Count = 0
    failed: Annotated[_Count, Field(description="Became jobs, and failed.")] = 0
    refused: Annotated[_Count, Field(description="Were no valid requests; nothing was paid.")] = 0
    cancelled: Annotated[_Count, Field(description="Cancelled before anything was paid.")] = 0
    skipped: Annotated[
        _Count, Field(description="Not sent: the credit cap was reached, or expiresAt passed.")
    ] = 0


class BatchErrorInfo(_Own):
    """Why a batch ended before its rows did. Codes are stable, messages are for people."""

    code: Annotated[str, Field(min_length=1, examples=["batch.manifest"])]
    message: str


class BatchData(_Own):
    """How a batch ended."""

    batch_id: str | None
    status: BatchStatus
    counts: BatchCounts
    credits: Annotated[
        str, Field(description="What its rows cost, as far as Hautech said: a decimal number.")
    ] = "0"
    results: Annotated[
        str | None, Field(description="The list of results in S3, one line of JSON per row.")
    ] = None
    error: Annotated[
        BatchErrorInfo | None,
        Field(description="Why not all rows were sent; null if they were."),
    ] = None
    accepted_at: UtcTime
    completed_at: UtcTime
    total_s: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="Seconds from accepted to completed.")
    ]


class BatchEvent(_Own):
    """A CloudEvents 1.0 event in structured JSON form (Source: CloudEvents JSON format 1.0.2)."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[
        str,
        Field(min_length=1, description="The same for every copy of this event: drop duplicates."),
    ]
    source: Literal["/hautech-worker"] = EVENT_SOURCE
    type: Literal["ai.hautech.batch.completed"] = BATCH_COMPLETED
    subject: Annotated[str | None, Field(min_length=1, description="The batchId.")]
    time: Annotated[UtcTime, Field(description="When the batch was found to be over.")]
    datacontenttype: Literal["application/json"] = "application/json"
    data: BatchData

    def dumps(self) -> str:
        """The body of the SNS message: the same values give the same text."""
        return self.model_dump_json()

    @classmethod
    def loads(cls, body: str) -> Self:
        """The event in an SNS message body; raises pydantic's ValidationError if it is none."""
        return cls.model_validate_json(body)


def batch_event(*, event_id: str, at: datetime, data: BatchData) -> BatchEvent:
    """The event that announces `data`; `at` (aware) is when the batch was found to be over."""
    return BatchEvent(id=event_id, subject=data.batch_id, time=at, data=data)


def batch_attributes(event: BatchEvent) -> dict[str, str]:
    """String attributes of the SNS message, for filter policies: `type`, `status`, `batchId`."""
    return event_attributes(
        {"type": event.type, "status": event.data.status, "batchId": event.data.batch_id}, {}
    )
