"""The follow message: which batch to look at next. Workers write it for workers, on the polls queue."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from worker.contracts.fields import OWN_CONFIG
from worker.contracts.ids import BATCH_ID_PATTERN, check_batch_id


class FollowMessage(BaseModel):
    """Carry one batch on: send its rows, then see how they end.

    One such message is in flight per open batch. A batch that was woken in another way has moved on
    to a new ticket; messages with an older one are dropped.
    """

    model_config = OWN_CONFIG

    v: Literal[1] = Field(default=1, description="Version of this message.")
    batch_id: Annotated[
        str,
        AfterValidator(check_batch_id),
        Field(
            description="The batch to look at.",
            json_schema_extra={"pattern": f"^{BATCH_ID_PATTERN}$"},
        ),
    ]
    ticket: Annotated[
        int,
        Field(strict=True, ge=0, description="The batch's current ticket, or the message is old."),
    ]

    def dumps(self) -> str:
        """The body of the SQS message."""
        return self.model_dump_json()


def parse_follow(body: str) -> FollowMessage | None:
    """The follow message in the body of a message of the polls queue; None if it is another one."""
    try:
        return FollowMessage.model_validate_json(body, by_alias=True, by_name=False)
    except ValidationError:
        return None
