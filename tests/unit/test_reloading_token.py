import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from worker.adapters.reloading_token import MIN_RELOAD_S, ReloadingToken
from worker.errors import UnavailableError
from worker.hautech.auth import StaticToken


class Vault:
    def __init__(self) -> None:
        self.reads = 0
        self.now_s = 500.0
        self.value = "old"
        self.error: Exception | None = None

    def load(self) -> StaticToken:
        self.reads += 1
        if self.error:
            raise self.error
        return StaticToken(self.value)


def test_the_vault_is_read_when_first_needed_and_once() -> None:
    vault = Vault()
    tokens = ReloadingToken(vault.load, monotonic=lambda: vault.now_s)
    assert vault.reads == 0
    assert [tokens.token(), tokens.token()] == ["old", "old"]
    assert vault.reads == 1


def test_a_rotated_secret_is_read_again_after_a_refusal() -> None:
    vault = Vault()
    tokens = ReloadingToken(vault.load, monotonic=lambda: vault.now_s)
    tokens.token()
    vault.value = "new"
    vault.now_s += MIN_RELOAD_S
    tokens.reject("old")
    assert tokens.token() == "new"
    tokens.reject("old")  # a slower thread, with the token of before
    assert tokens.token() == "new"
    assert vault.reads == 2


def test_a_secret_that_stays_refused_is_not_read_for_every_call() -> None:
    vault = Vault()
    tokens = ReloadingToken(vault.load, monotonic=lambda: vault.now_s)
    for _ in range(100):
        tokens.reject(tokens.token())
    assert vault.reads == 1


def test_a_vault_that_is_away_is_asked_again_by_the_next_call() -> None:
    vault = Vault()
    tokens = ReloadingToken(vault.load, monotonic=lambda: vault.now_s)
    vault.error = UnavailableError("away")
    with pytest.raises(UnavailableError):
        tokens.token()
    vault.error = None
    assert tokens.token() == "old"


def test_rejecting_before_anything_was_read_does_nothing() -> None:
    vault = Vault()
    ReloadingToken(vault.load).reject("x")
    assert vault.reads == 0


class SlowVault(Vault):
    """Answers when told to, and tells when somebody asks."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.may_answer = threading.Event()

    def load(self) -> StaticToken:
        self.asked.set()
        assert self.may_answer.wait(30)
        return super().load()


def ask_together(vault: SlowVault, monkeypatch: Any) -> list[str | BaseException]:
    """What five threads get, four of which come while the first one reads the vault."""
    waiting = threading.Semaphore(0)

    class WatchedFuture(Future):
        def result(self, timeout: float | None = None) -> Any:
            waiting.release()
            return super().result(timeout)

    monkeypatch.setattr("worker.adapters.reloading_token.Future", WatchedFuture)
    tokens = ReloadingToken(vault.load, monotonic=lambda: vault.now_s)
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(tokens.token)
        assert vault.asked.wait(30)
        others = [threads.submit(tokens.token) for _ in range(4)]
        try:
            assert all(waiting.acquire(timeout=30) for _ in others)
        finally:
            vault.may_answer.set()
        return [one.exception(30) or one.result(30) for one in (first, *others)]


def test_threads_that_come_while_the_vault_is_read_share_the_credentials(monkeypatch: Any) -> None:
    vault = SlowVault()
    assert ask_together(vault, monkeypatch) == ["old"] * 5
    assert vault.reads == 1


def test_threads_that_come_while_the_vault_is_read_share_its_failure(monkeypatch: Any) -> None:
    vault = SlowVault()
    vault.error = UnavailableError("away")
    assert ask_together(vault, monkeypatch) == [vault.error] * 5
    assert vault.reads == 1


def test_a_reading_that_was_interrupted_is_done_again() -> None:
    interruptions = [KeyboardInterrupt()]

    def load() -> StaticToken:
        if interruptions:
            raise interruptions.pop()
        return StaticToken("new")

    tokens = ReloadingToken(load)
    with pytest.raises(KeyboardInterrupt):
        tokens.token()
    assert tokens.token() == "new"
