"""The batch that has the id of one that is to be sent: the same one, or one with other content."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from worker.batches.batch import Batch
from worker.contracts.batch import BatchMessage, batch_digest
from worker.contracts.fields import rfc3339
from worker.errors import WorkerError
from worker.runtime.commands.services import Services
from worker.runtime.commands.wording import moment

_CONTENT: Final = {"manifest", "matrix", "request"}
"""What an id is made from where none is given."""
_FIELDS: Final = ("manifest", "matrix", "request", "resultsTo", "creditCap", "expiresAt")


@dataclass(frozen=True, slots=True)
class Known:
    """A batch that is recorded; `differs` names what it has otherwise, and is empty if it is the same."""

    batch: Batch
    differs: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether it is the batch that is to be sent."""
        return not self.differs

    def __str__(self) -> str:
        """What is to be said of it before anything is sent."""
        batch = self.batch
        status = (batch.event or {}).get("data", {}).get("status", "")
        stands = f"over already: {status}" if batch.state.is_final else "open already"
        when = f"accepted {moment(batch.accepted_at)}"
        if self.is_same:
            return f"The same batch is {stands} ({when}). Nothing was sent."
        other = " or leave it out to have one made from table and template"
        fix = f",{other}" if _CONTENT & {*self.differs} else ""
        return (
            f"the batchId {batch.batch_id} belongs to a batch with other content ({when}, {stands}), so "
            "a worker would refuse this one.\n"
            f"  What differs: {', '.join(self.differs)}. Give another --id{fix}.\n"
            "  Nothing was uploaded or sent."
        )

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        return {
            "isOver": self.batch.state.is_final,
            "acceptedAt": rfc3339(self.batch.accepted_at),
            "differs": list(self.differs),
        }


def known_batch(message: BatchMessage, services: Services) -> Known | None:
    """The recorded batch with that id, as far as the records can be read.

    Without the table's name, or the permission, nothing is found: then a worker tells.
    """
    if not services.settings.job_table:
        return None
    try:
        batch = services.batches.load(message.batch_id)
    except WorkerError:
        return None
    if batch is None:
        return None
    if batch.content_digest == batch_digest(message):
        return Known(batch, ())
    asked = json.loads(message.model_dump_json(exclude_unset=True))
    differs = [name for name in _FIELDS if asked.get(name) != batch.message.get(name)]
    return Known(batch, tuple(differs) or ("content",))
