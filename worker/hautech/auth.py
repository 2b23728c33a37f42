"""Supplies bearer tokens: one that was handed to us, or RS256 tokens that we sign ourselves.

A provider is shared by all threads. Signing happens once per renewal, however many threads ask,
and a refused token is thrown away only if it is still the current one: ten simultaneous 401s
lead to one new token.

Only who signs imports cryptography and PyJWT: they are a tenth of a cold start on Lambda.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

TOKEN_LIFE_S: Final = 3600
RENEW_BEFORE_S: Final = 60
BACKDATE_S: Final = 30
MIN_KEY_BITS: Final = 2048

WORKER_PERMISSIONS: Final = (
    "images:create",
    "images:read",
    "workflows:read",
    "workflows:execute",
    "pipelines:create",
    "pipelines:read",
    "operations:create",
    "operations:read",
    "poses:read",
    "balances:self:read",
)
"""All that uploading, running and fetching needs. Source: permission names of the API's routes."""


class TokenProvider(Protocol):
    """Where the client gets its bearer token from. Safe to call from many threads."""

    def token(self) -> str:
        """A token to send now."""

    def reject(self, token: str) -> None:
        """The API answered 401 to this token: do not hand it out again if it can be helped."""

    def account(self) -> str:
        """Whom the tokens act for, as a name without secrets: the same for each token of one account.

        Two names may be the same account; two accounts never have the same name.
        """


@dataclass(frozen=True, slots=True)
class StaticToken:
    """A ready-made API token from the developer portal. Opaque, and it cannot be renewed."""

    value: str = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", self.value.strip())
        if not self.value or not self.value.isascii() or not self.value.isprintable():
            raise ValueError("API token: must be one line of ASCII text; copy it again")
        if " " in self.value:
            raise ValueError("API token: must be the bare token, without a word such as Bearer")

    def token(self) -> str:
        """The token as it was given."""
        return self.value

    def reject(self, token: str) -> None:
        """There is no other token; the caller's one retry covers a passing fault of theirs."""

    def account(self) -> str:
        """What the token says about itself; of one that says nothing, a digest."""
        claims = _claims_of(self.value)
        if isinstance(claims.get("iss"), str):
            return _account(claims["iss"], claims.get("sub"))
        return f"token {hashlib.sha256(self.value.encode()).hexdigest()}"


class KeySecretError(ValueError):
    """The key secret cannot be read. The message never contains it."""


@dataclass(frozen=True, slots=True)
class _Issued:
    token: str = field(repr=False)
    issued_at_s: int
    renew_at_s: float


class SelfSignedToken:
    """Signs tokens with the application key, for one hour each, renewed with 60 s to spare.

    Claims: `iss` application id, header `kid` key id, `kind` core-api, `permissions`, `sub` only
    for account tokens (a root token omits it). `iat` is set back by 30 s, because clocks differ.
    Source: the API's authentication page and SDK.

    Args:
        app_id: Application id.
        key_id: Id of the application key.
        key_secret: The secret of the key, in any shape the portal or a vault hands it out:
            base64 of the PKCS#8 key, a full PEM, or a PEM with a literal backslash-n.
        subject: Account to act for; None makes a root token.
        permissions: `("*",)` means everything.
        now: Wall clock, seconds since 1970.

    Raises:
        KeySecretError: The secret is not an unencrypted RSA key of at least 2048 bits.
        ValueError: An id is empty.
    """

    def __init__(
        self,
        *,
        app_id: str,
        key_id: str,
        key_secret: str,
        subject: str | None = None,
        permissions: Sequence[str] = ("*",),
        now: Callable[[], float] = time.time,
    ) -> None:
        if not app_id or not key_id:
            raise ValueError("application id and key id: must both be set")
        self._key = load_key_secret(key_secret)
        self._key_id = key_id
        self._claims: dict[str, object] = {
            "iss": app_id,
            "kind": "core-api",
            "permissions": list(permissions),
        }
        if subject is not None:
            self._claims["sub"] = subject
        self._now = now
        self._lock = threading.Lock()
        self._current: _Issued | None = None
        self._last_issued_at_s = 0

    def __repr__(self) -> str:
        return f"SelfSignedToken(app_id={self._claims['iss']!r}, key_id={self._key_id!r})"

    def token(self) -> str:
        """The current token, or a fresh one when it has less than 60 s left."""
        # The attribute is read once and holds a frozen value, so the common case needs no lock.
        issued = self._current
        if issued is not None and self._now() < issued.renew_at_s:
            return issued.token
        with self._lock:
            issued = self._current
            if issued is None or self._now() >= issued.renew_at_s:
                issued = self._current = self._sign()
            return issued.token

    def reject(self, token: str) -> None:
        """Forgets the token if it is still the current one."""
        with self._lock:
            if self._current is not None and self._current.token == token:
                self._current = None

    def account(self) -> str:
        """The application, and the account that it acts for if that is another one."""
        return _account(self._claims["iss"], self._claims.get("sub"))

    def _sign(self) -> _Issued:
        now_s = int(self._now())
        # RS256 is deterministic: two tokens of one second would be the same text, and a refused
        # one could not be told from its successor. So no two tokens share an issue time; the 30 s
        # of back-dating leave room for that without ever dating one ahead.
        issued_at_s = min(max(now_s - BACKDATE_S, self._last_issued_at_s + 1), now_s)
        self._last_issued_at_s = issued_at_s
        expires_at_s = now_s + TOKEN_LIFE_S
        import jwt  # noqa: PLC0415 - see the top

        token = jwt.encode(
            {**self._claims, "iat": issued_at_s, "exp": expires_at_s},
            self._key,
            algorithm="RS256",
            headers={"kid": self._key_id},
        )
        return _Issued(token, issued_at_s, expires_at_s - RENEW_BEFORE_S)


def _account(application: object, subject: object) -> str:
    return json.dumps([application, subject])


def _claims_of(token: str) -> dict[str, object]:
    """What is in a token, unverified; nothing if it is none that can be looked into."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def load_key_secret(secret: str) -> RSAPrivateKey:
    """The RSA key in a portal key secret.

    Raises:
        KeySecretError: It is none of the accepted shapes, encrypted, not RSA, or too short.
    """
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - see the top
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

    secret = secret.strip().strip("\"'").replace("\\r", "").replace("\\n", "\n").strip()
    try:
        if secret.startswith("-----BEGIN"):
            key = serialization.load_pem_private_key(secret.encode(), password=None)
        else:
            body = "".join(secret.split())
            decoded = base64.b64decode(body, validate=True)
            key = serialization.load_der_private_key(decoded, password=None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        # The cause is left out on purpose: it may quote parts of the key.
        raise KeySecretError(
            "application key secret: cannot be read as a private key. Give the text shown by "
            "the developer portal (base64 of a PKCS#8 key) or an unencrypted PEM, complete"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise KeySecretError("application key secret: must be an RSA key, it is another kind")
    if key.key_size < MIN_KEY_BITS:
        raise KeySecretError(
            f"application key secret: must have at least {MIN_KEY_BITS} bits, has {key.key_size}"
        )
    return key
