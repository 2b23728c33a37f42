"""Who may call what: RS256 tokens and static tokens, and the permissions they carry."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

import jwt

from sandbox.hautech.credentials import Credentials
from sandbox.hautech.errors import forbidden, unauthorized

_CLOCK_SKEW_S = 60
_REMEMBERED_TOKENS = 1000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified token allows.

    Attributes:
        permissions: strings such as `images:create`, `images.*` or `*`.
        issued_at: unix seconds, None for a static token.
        expires_at: unix seconds, None for a static token.
        has_kind: whether the token carried `kind` = `core-api`.
    """

    permissions: tuple[str, ...]
    issued_at: float | None = None
    expires_at: float | None = None
    has_kind: bool = True

    def allows(self, permission: str) -> bool:
        """Whether one of the permission strings covers the asked one."""
        return any(_covers(granted, permission) for granted in self.permissions)


def _covers(granted: str, asked: str) -> bool:
    """`*`, `images:*` and `images.create` all cover `images:create`.

    Source: the documentation writes dots and trailing wildcards, the SDK builds colons.
    """
    have = granted.replace(".", ":").split(":")
    want = asked.split(":")
    if have[-1] == "*":
        return want[: len(have) - 1] == have[:-1]
    return have == want


class Gate:
    """Decides about the `Authorization` header of each request."""

    def __init__(self, credentials: Credentials) -> None:
        self._app_id = credentials.app_id
        self._keys = {credentials.key_id: credentials.public_key()}
        self._static = {credentials.api_token: Grant(("*",))}
        # Verifying a signature costs more than most routes do; a token is verified once.
        self._verified: dict[str, Grant] = {}

    def check(
        self,
        authorization: str | None,
        permission: str | None,
        *,
        now: datetime,
        allow_missing_kind: bool,
    ) -> Grant:
        """The grant behind the header, if it covers the permission.

        Args:
            authorization: value of the header.
            permission: what the route asks for; None if any valid token will do.
            now: aware UTC.
            allow_missing_kind: accept tokens without the `kind` claim.

        Raises:
            ApiError: 401 without a valid token, 403 if it lacks the permission.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized()
        grant = self._grant(token)
        at = now.timestamp()
        if grant.expires_at is not None and at >= grant.expires_at:
            raise unauthorized()
        if grant.issued_at is not None and grant.issued_at > at + _CLOCK_SKEW_S:
            raise unauthorized()
        if not grant.has_kind and not allow_missing_kind:
            raise unauthorized()
        if permission is not None and not grant.allows(permission):
            raise forbidden()
        return grant

    def _grant(self, token: str) -> Grant:
        for static, grant in self._static.items():
            if hmac.compare_digest(static.encode(), token.encode()):
                return grant
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) >= _REMEMBERED_TOKENS:
                self._verified.clear()
            self._verified[token] = known
        return known

    def _verify(self, token: str) -> Grant:
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise unauthorized()
            # Times are judged by the stand-in's own clock, not by the machine's.
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._app_id,
                options={
                    "require": ["iss", "iat", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                },
            )
            issued_at, expires_at = float(claims["iat"]), float(claims["exp"])
        except (jwt.PyJWTError, TypeError, ValueError):
            raise unauthorized() from None
        permissions = claims.get("permissions", [])
        if not _is_strings(permissions) or claims.get("kind", "core-api") != "core-api":
            raise unauthorized()
        return Grant(
            permissions=tuple(permissions),
            issued_at=issued_at,
            expires_at=expires_at,
            has_kind="kind" in claims,
        )


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
