"""A bearer token whose credentials live elsewhere: read when first needed, again when refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from worker.hautech.auth import TokenProvider

MIN_RELOAD_S = 30.0
"""A key that stays refused must not turn every call into a read of the vault."""


class ReloadingToken:
    """Loads its provider once, and anew after a refused token: a rotated secret heals by itself.

    Args:
        load: Reads the credentials; runs in whichever thread asks first, one at a time. What it
            raises goes through to the caller of `token`, and the next call tries again.
        monotonic: Clock, seconds.
    """

    def __init__(
        self, load: Callable[[], TokenProvider], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._provider: TokenProvider | None = None
        self._loaded_at_s = 0.0

    def token(self) -> str:
        """A token of the credentials as last read."""
        provider = self._provider
        if provider is None:
            with self._lock:
                provider = self._provider
                if provider is None:
                    provider = self._load()
                    self._provider, self._loaded_at_s = provider, self._monotonic()
        return provider.token()

    def reject(self, token: str) -> None:
        """Forgets the credentials, unless they were read within the last 30 s."""
        with self._lock:
            provider = self._provider
            if provider is None or provider.token() != token:
                return  # another thread was first: the next token is a new one anyway
            provider.reject(token)
            if self._monotonic() - self._loaded_at_s >= MIN_RELOAD_S:
                self._provider = None
