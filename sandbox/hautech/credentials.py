"""The application key, static API token and account that the stand-in accepts."""

from __future__ import annotations

import base64
import json
import os
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs to get in.

    Attributes:
        app_id: application id, the `iss` of self-signed tokens.
        key_id: application key id, the `kid` of their header.
        key_secret: private key as the portal shows it: one line of base64 of PKCS#8, no header.
        api_token: a ready-made bearer token with every permission.
        account_id: the account that everything belongs to.
    """

    app_id: str
    key_id: str
    key_secret: str = field(repr=False)
    api_token: str = field(repr=False)
    account_id: str

    @classmethod
    def generate(cls) -> Credentials:
        """New random credentials; takes a moment, since an RSA key is made."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return cls(
            app_id=str(uuid.uuid4()),
            key_id=str(uuid.uuid4()),
            key_secret=base64.b64encode(der).decode("ascii"),
            api_token="hautech-sandbox-" + secrets.token_urlsafe(32),
            account_id=str(uuid.uuid4()),
        )

    @classmethod
    def read(cls, path: Path) -> Credentials:
        """Reads what `write` wrote."""
        document = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            app_id=document["appId"],
            key_id=document["keyId"],
            key_secret=document["keySecret"],
            api_token=document["apiToken"],
            account_id=document["accountId"],
        )

    def write(self, path: Path) -> None:
        """Writes them as JSON into a file that only its owner can read.

        A file that is already there is replaced, so that looser permissions of it do not stay.
        """
        document = {
            "appId": self.app_id,
            "keyId": self.key_id,
            "keySecret": self.key_secret,
            "apiToken": self.api_token,
            "accountId": self.account_id,
        }
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)

    def private_key(self) -> RSAPrivateKey:
        """The key that signs tokens."""
        key = load_der_private_key(base64.b64decode(self.key_secret), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("key_secret: not an RSA key; the API knows RS256 only")
        return key

    def public_key(self) -> RSAPublicKey:
        """The key that verifies them."""
        return self.private_key().public_key()

    def sign(
        self,
        *,
        now: datetime,
        life_s: float = 3600,
        permissions: Sequence[str] = ("*",),
        **claims: Any,
    ) -> str:
        """A self-signed token as a correct client would make it.

        Args:
            now: becomes `iat`.
            life_s: seconds until `exp`.
            permissions: permission strings.
            **claims: further claims; one that is None is left out.
        """
        payload = {
            "iss": self.app_id,
            "kind": "core-api",
            "permissions": list(permissions),
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=life_s)).timestamp()),
            **claims,
        }
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, self.private_key(), algorithm="RS256", headers={"kid": self.key_id})
