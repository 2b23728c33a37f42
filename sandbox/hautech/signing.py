"""Signed, expiring links of the media host."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from sandbox.hautech.errors import ApiError


class LinkSigner:
    """Makes links that only this process can make and that stop working after a while."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def sign(self, path: str, *, now: datetime, life_s: float) -> str:
        """`path` with a query that proves it; different on each call."""
        expires = f"{now.timestamp() + life_s:.3f}"
        nonce = secrets.token_hex(4)
        return f"{path}?expires={expires}&nonce={nonce}&signature={self._mac(path, expires, nonce)}"

    def check(self, path: str, query: Mapping[str, str], *, now: datetime) -> None:
        """Accepts a link that `sign` made and that has not expired.

        Raises:
            ApiError: 403 otherwise.
        """
        expires, nonce = query.get("expires", ""), query.get("nonce", "")
        if not hmac.compare_digest(
            self._mac(path, expires, nonce).encode(), query.get("signature", "").encode()
        ):
            raise ApiError(403, "Signature does not match")
        if now.timestamp() >= float(expires):
            raise ApiError(403, "Request has expired")

    def _mac(self, path: str, expires: str, nonce: str) -> str:
        text = f"{path}\n{expires}\n{nonce}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
