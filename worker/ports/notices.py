"""One notice for people and other workers: what holds requests up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class HoldReason(StrEnum):
    """Why the workers take no new requests."""

    HAUTECH_DOWN = "hautech_down"
    """Calls fail one after the other: no connection, 5xx, no answer in time."""
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a word for people
    """Hautech, or the vault of the token, refuses who we are."""
    OUT_OF_FUNDS = "out_of_funds"
    """The account has no balance left."""
    MISCONFIGURED = "misconfigured"
    """No job can succeed with these settings: no such route, a host that is not allowed."""
    PACE = "pace"
    """As many requests per second are made as Hautech takes, or as are set. Passes by itself."""
    IN_FLIGHT = "in_flight"
    """As many jobs are in flight as Hautech takes, or as are set. Passes by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitNotice:
    """What a worker last found out about Hautech; `reason` None: nothing holds requests up."""

    told_at: datetime
    reason: HoldReason | None = None
    since: datetime | None = None
    next_try_at: datetime | None = None
    """From then on one request is let through, to find out."""
    said: str = ""
    """The error that it began with, or went on with."""
    met_by: str = ""
    """The kind of call that met it, for a worker that goes on from here; "" if it is not known."""


class NoticeBoard(Protocol):
    """One notice for people, shared by all workers: the last that was posted stands."""

    def post(self, notice: CircuitNotice) -> None:
        """Replace the notice."""

    def read(self) -> CircuitNotice | None:
        """The notice, or None when none was posted for a week."""
