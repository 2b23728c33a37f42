"""Why a message was dead-lettered, as string attributes on the dead letter itself.

The body of a dead letter is the body of the message, untouched, so that it can be sent again;
the reason must not change it and therefore travels in attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import PydanticCustomError

from worker.contracts.fields import rfc3339, utc_from_rfc3339
from worker.contracts.text import one_line

REASON_ATTRIBUTES = frozenset(
    {"errorCode", "errorMessage", "errorStage", "requestId", "eventId", "failedAt"}
)
"""What a worker writes on a dead letter; all other attributes came with the message."""

MAX_MESSAGE_CHARACTERS = 1_000
_MAX_OTHER_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class DeadLetterReason:
    """Why a message was given up.

    `error_code` is the event's `error.code`, `error_stage` its `error.stage`; `request_id` and
    `event_id` are None if the message could not be read; `failed_at` is aware UTC.
    """

    error_code: str
    error_message: str
    error_stage: str
    request_id: str | None
    event_id: str | None
    failed_at: datetime

    def to_attributes(self) -> dict[str, str]:
        """String attributes for SQS: six at most (Source: SQS quotas, ten per message)."""
        return dead_letter_attributes(
            error_code=self.error_code,
            error_message=self.error_message,
            error_stage=self.error_stage,
            request_id=self.request_id,
            event_id=self.event_id,
            failed_at=self.failed_at,
        )

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> DeadLetterReason | None:
        """The reason in the attributes of a dead letter.

        None if no worker wrote them: the queue itself moved the message (its redrive policy), or
        somebody sent it there by hand.
        """
        try:
            failed_at = utc_from_rfc3339(attributes.get("failedAt"))
        except PydanticCustomError:
            return None
        if not attributes.get("errorCode"):
            return None
        return cls(
            # On one line, whoever wrote them: a producer's own attributes come with what SQS moves.
            error_code=one_line(attributes["errorCode"], _MAX_OTHER_CHARACTERS),
            error_message=one_line(attributes.get("errorMessage", ""), MAX_MESSAGE_CHARACTERS),
            error_stage=one_line(attributes.get("errorStage", ""), _MAX_OTHER_CHARACTERS),
            request_id=one_line(attributes.get("requestId", ""), _MAX_OTHER_CHARACTERS) or None,
            event_id=one_line(attributes.get("eventId", ""), _MAX_OTHER_CHARACTERS) or None,
            failed_at=failed_at,
        )


def dead_letter_attributes(
    *,
    error_code: str,
    error_message: str,
    error_stage: str,
    request_id: str | None,
    event_id: str | None,
    failed_at: datetime,
) -> dict[str, str]:
    """The attributes of a dead letter; those without a value are left out (SQS takes no empty ones).

    The message is cut to 1,000 characters; control characters become spaces, and characters that
    SQS refuses are replaced, because a reason that cannot be sent would lose the dead letter.
    """
    attributes = {
        "errorCode": one_line(error_code, _MAX_OTHER_CHARACTERS),
        "errorMessage": one_line(error_message, MAX_MESSAGE_CHARACTERS),
        "errorStage": one_line(error_stage, _MAX_OTHER_CHARACTERS),
        "requestId": one_line(request_id or "", _MAX_OTHER_CHARACTERS),
        "eventId": one_line(event_id or "", _MAX_OTHER_CHARACTERS),
        "failedAt": rfc3339(failed_at),
    }
    return {name: value for name, value in attributes.items() if value}
