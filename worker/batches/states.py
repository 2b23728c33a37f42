"""Where a batch stands and what becomes of its rows, in words: all that is known without a batch at hand."""

from dataclasses import dataclass
from enum import StrEnum


class BatchState(StrEnum):
    """Where a batch stands."""

    OPEN = "batch_open"
    """Its rows are being sent, or followed; its one follow message carries it."""
    ANNOUNCING = "batch_announcing"
    """Its list of results is in S3 and its event is fixed in the record."""
    DONE = "batch_done"
    """Final: the event was published."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will ever happen to the batch."""
        return self is BatchState.DONE


class RowStatus(StrEnum):
    """What became of a row."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    """It was no valid request, or was refused before it became a job."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMark:
    """A row that never became a job: the mark that is kept for it says why."""

    row: int
    line: int | None
    code: str
    message: str
