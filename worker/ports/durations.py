"""How long pipelines took, shared by all workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worker.jobs.durations import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationSheet:
    """What stands on the duration board."""

    seen: Mapping[str, Seen]
    """By workflow id; empty when nothing is there, or nothing that can be read."""
    mark: object
    """Says what stood there to `DurationBoard.replace`; means nothing to anybody else."""
    problem: str | None = None
    """Why what is there cannot be read."""


class DurationBoard(Protocol):
    """How long pipelines took, shared by all workers. Nobody overwrites what he has not read."""

    def read(self) -> DurationSheet:
        """What stands there (strongly consistent). What is no duration of a workflow is left out."""

    def replace(self, sheet: DurationSheet, seen: Mapping[str, Seen], *, at: datetime) -> bool:
        """Let this stand there instead of the sheet, for `durations.KEPT` from `at` on.

        Returns False, and changes nothing, when it is not the sheet any more that stands there.
        """
