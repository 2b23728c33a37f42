"""The poll message: which job to look at next. Workers write it for workers."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from worker.contracts.fields import OWN_CONFIG, READ_AT_ONCE
from worker.contracts.ids import REQUEST_ID_PATTERN, check_request_id
from worker.contracts.plain_words import problems_of
from worker.errors import PollMessageError


class PollMessage(BaseModel):
    """Look at the pipelines of one job.

    One such message is in flight per waiting job. A job that was woken in another way has moved
    on to a new ticket; messages with an older one are dropped.
    """

    model_config = {**OWN_CONFIG, **READ_AT_ONCE}

    v: Literal[1] = Field(default=1, description="Version of this message.")
    request_id: Annotated[
        str,
        AfterValidator(check_request_id),
        Field(
            description="The job to look at.",
            json_schema_extra={"pattern": f"^{REQUEST_ID_PATTERN}$"},
        ),
    ]
    ticket: Annotated[
        int,
        Field(strict=True, ge=0, description="The job's current ticket, or the message is old."),
    ]

    def dumps(self) -> str:
        """The body of the SQS message."""
        return self.model_dump_json()


def parse_poll(body: str | bytes) -> PollMessage:
    """The poll message in the body of an SQS message. Fields of newer releases are skipped.

    Raises:
        PollMessageError: no worker of this version wrote it.
    """
    try:
        return PollMessage.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = "; ".join(str(problem) for problem in problems_of(error, PollMessage))
        raise PollMessageError(
            f"not a poll message: {problems}; only workers write to the polls queue: send "
            "requests to the requests queue"
        ) from None
