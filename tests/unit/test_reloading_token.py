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
