"""The asset cache in memory, as text: what does not survive the text does not survive here."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from worker.adapters.asset_text import asset_from_text, asset_to_text
from worker.jobs.assets import Asset, Claim


class MemoryAssetCache:
    """The AssetCache port in memory, safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[str, str | Claim] = {}

    def look(self, key: str, *, at: datetime) -> Asset | Claim | None:
        """See `AssetCache.look`. Consistent."""
        with self._lock:
            return self._valid(key, at)

    def claim(self, key: str, claim: Claim, *, at: datetime) -> Asset | Claim | None:
        """See `AssetCache.claim`."""
        with self._lock:
            there = self._valid(key, at)
            if there is None or (isinstance(there, Claim) and there.owner == claim.owner):
                self._entries[key] = claim
                return None
            return there

    def publish(self, key: str, asset: Asset, *, at: datetime) -> None:
        """See `AssetCache.publish`."""
        with self._lock:
            if not isinstance(self._valid(key, at), Asset):
                self._entries[key] = asset_to_text(asset)

    def release(self, key: str, owner: str, *, at: datetime) -> None:
        """See `AssetCache.release`."""
        del at
        with self._lock:
            there = self._entries.get(key)
            if isinstance(there, Claim) and there.owner == owner:
                del self._entries[key]

    def drop(self, key: str, value: str, *, at: datetime) -> None:
        """See `AssetCache.drop`."""
        del at
        with self._lock:
            there = self._entries.get(key)
            asset = asset_from_text(there) if isinstance(there, str) else None
            if asset is not None and asset.value == value:
                del self._entries[key]

    def keys(self) -> list[str]:
        """What is in it, expired or not, sorted."""
        with self._lock:
            return sorted(self._entries)

    def _valid(self, key: str, at: datetime) -> Asset | Claim | None:
        there = self._entries.get(key)
        if isinstance(there, Claim):
            return there if there.until > at else None
        asset = asset_from_text(there) if there is not None else None
        return asset if asset is not None and asset.usable_until > at else None
