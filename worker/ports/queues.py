"""Messages on their way: as the engine sends them, and as a driver hands them to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.poll import PollMessage

if TYPE_CHECKING:  # imported with the first batch
    from worker.contracts.follow import FollowMessage

MessageKind = Literal["requests", "polls"]
"""Which queue a message came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message as a driver hands it to the engine."""

    body: str
    receive_count: int = 1
    """How often the queue has delivered it. Not a failure count: polls and deploys raise it."""
    trace: str | None = None
    """The X-Ray header that came with it, unchecked."""


class WorkQueue(Protocol):
    """Messages that the engine sends."""

    def send_requests(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        """Put requests on the requests queue, ten at a time. Returns once all are durable.

        Raises if any is not; then some may be there. To repeat it is harmless: their ids are theirs.
        """

    def send_follow(self, message: FollowMessage, *, delay_s: int) -> None:
        """Put a follow message on the polls queue, invisible for 0–900 s. Returns once durable."""

    def send_poll(self, message: PollMessage, *, delay_s: int, trace: str | None = None) -> None:
        """Put a poll message on the polls queue, invisible for 0–900 s. Returns once durable.

        `trace` is the X-Ray header that goes with it, as `clean_trace` gives it.
        """

    def send_dead_letter(self, body: str, reason: DeadLetterReason) -> None:
        """Put a request that failed on the dead-letter queue, the reason as attributes."""

    def jobs_in_flight(self) -> int:
        """Messages on the polls queue, visible or not: about so many jobs wait for Hautech."""
