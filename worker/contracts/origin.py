"""Where a request comes from that the worker itself made: a row of a batch, or a dropped photo."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from worker.contracts.drop_origin import DropOrigin
from worker.contracts.fields import REQUEST_CONFIG, broken_rule
from worker.contracts.ids import MAX_BATCH_ROWS, is_batch_id


class BatchRow(BaseModel):
    """The row of a batch that a request is."""

    model_config = REQUEST_CONFIG

    id: Annotated[str, Field(description="The batchId.", examples=["spring-24"])]
    row: Annotated[int, Field(ge=1, description="Which row of it, counted from 1.")]


class Origin(BaseModel):
    """Written by the worker into the requests that it makes; producers leave it out."""

    model_config = REQUEST_CONFIG

    batch: Annotated[BatchRow | None, Field(description="It is a row of a batch.")] = None
    drop: Annotated[DropOrigin | None, Field(description="It was made of a dropped photo.")] = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.drop is None) == (self.batch is None):
            raise broken_rule("must have either batch or drop")
        return self


def batch_of(request: dict[str, Any]) -> BatchRow | None:
    """The row of a batch that a request document is, if it says so and there can be such a row.

    The document may be anybody's, and unchecked: what is said here becomes a key in the job table.
    """
    origin = request.get("origin")
    batch = origin.get("batch") if isinstance(origin, dict) else None
    if not isinstance(batch, dict):
        return None
    batch_id, row = batch.get("id"), batch.get("row")
    if not is_batch_id(batch_id) or type(row) is not int or not 1 <= row <= MAX_BATCH_ROWS:
        return None
    return BatchRow(id=batch_id, row=row)
