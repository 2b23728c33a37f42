"""Who hears what happened, to count it."""

from __future__ import annotations

from typing import Literal, Protocol

from worker.jobs.outcomes import Outcome
from worker.ports.queues import MessageKind

DropReason = Literal["replaced", "over", "no_job"]
"""Why no job waits for a poll message: another one took its place, the job is over, or its record
is gone.
"""


class Observer(Protocol):
    """Hears what happened, to count it. Called in the middle of the work: must be quick, and not fail."""

    def called(self, call: str, error: Exception | None) -> None:
        """A call to Hautech ended, with this error if it failed."""

    def handled(self, kind: MessageKind, outcome: Outcome) -> None:
        """The engine answered a message."""

    def job_over(self, status: str, error_code: str | None, took_s: float) -> None:
        """A job's event is out and its record final: `succeeded`, or `failed` with a code.

        It was open for `took_s` seconds, from its acceptance or the redrive that opened it anew.
        """

    def pipeline_over(self, took_s: float | None, credits_used: str | None) -> None:
        """A pipeline was seen to end, or given up: seconds and a decimal text, if they are known."""

    def refused(self, error_code: str) -> None:
        """A request was refused before it became a job; that is announced."""

    def poll_dropped(self, reason: DropReason) -> None:
        """A poll message that no job waits for was put away."""
