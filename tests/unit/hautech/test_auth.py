"""Tokens: every accepted shape of the key, claims, renewal, and one signature for many threads."""

import base64
import threading
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.unit.hautech.fakes import FakeNetwork, Reply, client_of
from worker.hautech import AuthenticationError, KeySecretError, SelfSignedToken, StaticToken
from worker.hautech.auth import load_key_secret

ACCOUNT = {"id": "acc-1", "type": "root", "balance": "1.5"}


@pytest.fixture(scope="module")
def key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def der(key: Any) -> Any:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def pem(key: Any) -> Any:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def wrapped(text: Any, width: Any = 64) -> Any:
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


@pytest.fixture(
    params=["portal", "wrapped", "spaces", "quoted", "pem", "pem-literal", "pem-crlf", "pkcs1"]
)
def secret(request: Any, key: Any, der: Any, pem: Any) -> Any:
    body = base64.b64encode(der).decode()
    traditional = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {
        "portal": body,
        "wrapped": wrapped(body),
        "spaces": f"  {wrapped(body, 70)}\n\n",
        "quoted": f'"{body}"',
        "pem": pem,
        "pem-literal": pem.replace("\n", "\\n"),
        "pem-crlf": pem.replace("\n", "\\r\\n"),
        "pkcs1": traditional.decode(),
    }[request.param]


def signer(pem: Any, now: Any, **options: Any) -> Any:
    return SelfSignedToken(app_id="app", key_id="kid-1", key_secret=pem, now=now, **options)


def test_every_shape_of_the_secret_is_the_same_key(secret: Any, key: Any) -> None:
    assert load_key_secret(secret).private_numbers() == key.private_numbers()


def bad_secrets() -> Any:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 a weak key is what is refused
    curve = ec.generate_private_key(ec.SECP256R1())
    plain = NoEncryption()
    locked = BestAvailableEncryption(b"pass")
    return {
        "empty": "",
        "words": "not a key",
        "cut": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "half a pem": "-----BEGIN PRIVATE KEY-----\nMIIEvQ",
        "too short": small.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain).decode(),
        "another kind": curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, plain).decode(),
        "locked": curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked).decode(),
    }


@pytest.mark.parametrize("case", sorted(bad_secrets()))
def test_a_secret_that_is_no_key_is_refused_without_showing_it(case: Any) -> None:
    secret = bad_secrets()[case]
    with pytest.raises(KeySecretError) as caught:
        load_key_secret(secret)
    assert "application key secret" in str(caught.value)
    for line in secret.splitlines():
        assert len(line) < 8 or line not in str(caught.value)


def test_a_root_token_says_what_the_api_wants(pem: Any, key: Any) -> None:
    token = signer(pem, lambda: 1_000_000.7).token()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    claims = jwt.decode(
        token,
        key.public_key(),
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "app",
        "kind": "core-api",
        "permissions": ["*"],
        "iat": 1_000_000 - 30,
        "exp": 1_000_000 + 3600,
    }


def test_an_account_token_names_account_and_permissions(pem: Any) -> None:
    token = signer(pem, lambda: 1.0, subject="acc-9", permissions=("images:read",)).token()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["sub"] == "acc-9"
    assert claims["permissions"] == ["images:read"]


@pytest.mark.parametrize(("age_s", "is_same"), [(0, True), (3539, True), (3540, False)])
def test_a_token_is_renewed_when_less_than_a_minute_is_left(
    pem: Any, age_s: Any, is_same: Any
) -> None:
    now = [1_000_000.0]
    tokens = signer(pem, lambda: now[0])
    first = tokens.token()
    now[0] += age_s
    assert (tokens.token() == first) is is_same


def test_a_rejected_token_is_replaced_by_another_text_even_within_one_second(pem: Any) -> None:
    tokens = signer(pem, lambda: 1_000_000.0)
    first = tokens.token()
    tokens.reject(first)
    second = tokens.token()
    assert second != first
    assert jwt.decode(second, options={"verify_signature": False})["iat"] <= 1_000_000


def test_rejecting_an_old_token_leaves_its_successor_alone(pem: Any) -> None:
    tokens = signer(pem, lambda: 1_000_000.0)
    first = tokens.token()
    tokens.reject(first)
    second = tokens.token()
    tokens.reject(first)
    assert tokens.token() == second


class WatchedLock:
    """A lock that tells how many threads have come to it."""

    def __init__(self) -> None:
        self.arrivals = threading.Semaphore(0)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.arrivals.release()
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()


def test_many_threads_that_need_a_token_at_once_cause_one_signature(
    pem: Any, monkeypatch: Any
) -> None:
    tokens = signer(pem, lambda: 1_000_000.0)
    tokens.reject(tokens.token())
    lock = WatchedLock()
    monkeypatch.setattr(tokens, "_lock", lock)
    real = jwt.encode
    signed: list[int] = []
    handed_out: list[str] = []

    def sign_when_all_are_waiting(*args: Any, **options: Any) -> str:
        for _ in range(8 if not signed else 0):
            assert lock.arrivals.acquire(timeout=30)
        signed.append(1)
        return real(*args, **options)

    monkeypatch.setattr(jwt, "encode", sign_when_all_are_waiting)
    threads = [threading.Thread(target=lambda: handed_out.append(tokens.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(signed) == 1
    assert len(handed_out) == 8
    assert len(set(handed_out)) == 1


def test_a_401_is_retried_once_with_a_fresh_token(pem: Any) -> None:
    network = FakeNetwork(Reply(401), Reply(200, ACCOUNT))
    assert client_of(network, tokens=signer(pem, lambda: 1e6)).get_account().account_id == "acc-1"
    first, second = (one.headers["Authorization"] for one in network.seen)
    assert first.startswith("Bearer ey")
    assert first != second


def test_a_second_401_is_the_callers_to_know() -> None:
    network = FakeNetwork(Reply(401), Reply(401, {"message": "Unauthorized"}))
    with pytest.raises(AuthenticationError, match="Unauthorized"):
        client_of(network).get_account()


@pytest.mark.parametrize("value", ["", "  ", "Bearer abc", "two\nlines", "ümlaut"])
def test_a_static_token_that_cannot_be_a_header_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="API token"):
        StaticToken(value)


def test_no_repr_shows_a_secret(pem: Any) -> None:
    tokens = signer(pem, lambda: 1.0)
    issued = tokens.token()
    for text in (repr(tokens), repr(vars(tokens).get("_current")), repr(StaticToken("hush-hush"))):
        assert issued not in text
        assert "hush" not in text
        assert "PRIVATE" not in text


def test_ids_must_be_given(pem: Any) -> None:
    with pytest.raises(ValueError, match="must both be set"):
        SelfSignedToken(app_id="", key_id="k", key_secret=pem)


def test_the_account_is_the_same_for_each_token_of_it(pem: Any) -> None:
    """What is shared under its name must survive a renewed token, and belong to nobody else."""

    def signed(app_id: str, subject: str | None = None) -> SelfSignedToken:
        return SelfSignedToken(app_id=app_id, key_id="kid", key_secret=pem, subject=subject)

    tokens = signed("app-1")
    ready_made = StaticToken(tokens.token())
    assert ready_made.account() == tokens.account() == signed("app-1").account()
    others: list[SelfSignedToken | StaticToken] = [
        signed("app-2"),
        signed("app-1", "acc-1"),
        StaticToken("opaque"),
        StaticToken("a.b.c"),
        StaticToken("opaque-2"),
    ]
    assert len({tokens.account(), *(one.account() for one in others)}) == 6


def test_an_opaque_token_is_not_shown_in_the_name_of_its_account() -> None:
    assert "opaque" not in StaticToken("opaque-token-of-mine").account()


def test_the_same_account_at_another_api_is_another_one() -> None:
    here = client_of(FakeNetwork())
    there = client_of(FakeNetwork(), api_url="https://api.elsewhere.hautech.ai")
    assert here.account() != there.account()
