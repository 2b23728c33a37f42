"""A bearer token whose credentials live elsewhere: read when first needed, again when refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from worker.errors import UnavailableError
from worker.hautech.auth import TokenProvider

MIN_RELOAD_S = 30.0
"""A key that stays refused must not turn every call into a read of the vault."""


class ReloadingToken:
    """Loads its provider once, and anew after a refused token: a rotated secret heals by itself.

    Args:
        load: Reads the credentials, in whichever thread asks first. Threads that ask meanwhile
            wait for that one reading and share what comes of it, failure included: a vault that
            takes 30 s to fail takes 30 s for all of them together. The next call tries again.
        monotonic: Clock, seconds.
    """

    def __init__(
        self, load: Callable[[], TokenProvider], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._provider: TokenProvider | None = None
        self._loading: Future[TokenProvider] | None = None
        self._loaded_at_s = 0.0

    def token(self) -> str:
        """A token of the credentials as last read. Raises what `load` raises."""
        return (self._provider or self._shared_load()).token()

    def reject(self, token: str) -> None:
        """Forgets the credentials, unless they were read within the last 30 s."""
        with self._lock:
            provider = self._provider
            if provider is None or provider.token() != token:
                return  # another thread was first: the next token is a new one anyway
            provider.reject(token)
            if self._monotonic() - self._loaded_at_s >= MIN_RELOAD_S:
                self._provider = None

    def account(self) -> str:
        """Whose credentials were read last. Raises what `load` raises."""
        return (self._provider or self._shared_load()).account()

    def _shared_load(self) -> TokenProvider:
        with self._lock:
            if self._provider is not None:
                return self._provider
            loading, is_ours = self._loading, self._loading is None
            if loading is None:
                loading = self._loading = Future()
        if is_ours:
            self._load_into(loading)
        return loading.result()

    def _load_into(self, loading: Future[TokenProvider]) -> None:
        """Reads the credentials outside of the lock, and always settles `loading`."""
        provider: TokenProvider | None = None
        failure: Exception = UnavailableError("reading Hautech's credentials was interrupted")
        try:
            provider = self._load()
        except Exception as error:  # noqa: BLE001 - it is handed to all that wait, this thread included
            failure = error
        finally:
            with self._lock:
                self._loading = None
                if provider is not None:
                    self._provider, self._loaded_at_s = provider, self._monotonic()
            if provider is None:
                loading.set_exception(failure)
            else:
                loading.set_result(provider)
