"""What is at Hautech already for any job to use, shared by all workers."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from worker.jobs.assets import Asset, Claim


class AssetCache(Protocol):
    """What is at Hautech already for any job to use, by the keys of `jobs.keys`; shared by all workers.

    Expired assets and claims are as if they were not there. A repeated write is no other than the
    first: a claim is its owner's as often as he makes it.
    """

    def look(self, key: str, *, at: datetime) -> Asset | Claim | None:
        """What is there (eventually consistent: what was written just now may be missing)."""

    def claim(self, key: str, claim: Claim, *, at: datetime) -> Asset | Claim | None:
        """Take the key for oneself, unless an asset is there or somebody else's claim.

        Returns None when it is ours now, else what is there.
        """

    def publish(self, key: str, asset: Asset, *, at: datetime) -> None:
        """Let all have an asset, whoever claimed the key. One that is there already stays."""

    def release(self, key: str, owner: str, *, at: datetime) -> None:
        """Give a claim up, if it is still that owner's: others need not wait any longer."""

    def drop(self, key: str, value: str, *, at: datetime) -> None:
        """Forget an asset that vanished at Hautech, if the one there still has that value."""
