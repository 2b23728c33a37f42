"""What lies at Hautech for several jobs to use: an asset, or the claim of the job that makes it.

    nobody has it ──► claimed by one job ──► asset, until shortly before Hautech forgets it
          ▲                 │ released, or its time is up       │ expired, or dropped: it vanished
          └─────────────────┴───────────────────────────────────┘

The keys of assets are in `keys`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from worker.jobs.job import JsonObject

EXPIRY_MARGIN: Final = timedelta(hours=1)
"""What Hautech forgets within this time (or half of its life, if that is less) is made again before
it is paid for."""

KEPT_AT_MOST: Final = timedelta(days=30)
"""Of what Hautech never forgets: nobody promises that it does not."""


class AssetKind(StrEnum):
    """What an asset is."""

    UPLOAD = "upload"
    """An image that was brought to Hautech, by the place or by the content that it came from."""
    POSE = "pose"
    """A pose that Hautech prepared."""
    GARMENT = "garment"
    """A garment that Hautech prepared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Something at Hautech that any job of the account may use."""

    kind: AssetKind
    value: str
    """What Hautech calls it: an image id or a pose id."""
    made_at: datetime
    expires_at: datetime | None
    """When Hautech forgets it; None means never."""
    details: JsonObject = field(default_factory=dict)
    """What else whoever uses it has to know, as JSON."""

    @property
    def usable_until(self) -> datetime:
        """From then on it is made anew, before Hautech forgets it."""
        if self.expires_at is None:
            return self.made_at + KEPT_AT_MOST
        return self.expires_at - expiry_margin(self.made_at, self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One job makes the asset; all others wait for it. Over when `until` has come."""

    kind: AssetKind
    owner: str
    """Derived from the job, so that whoever carries the job on still owns it."""
    since: datetime
    until: datetime


def expiry_margin(made_at: datetime, expires_at: datetime) -> timedelta:
    """How long before Hautech forgets something we do not rely on it any more."""
    return min(EXPIRY_MARGIN, (expires_at - made_at) / 2)
