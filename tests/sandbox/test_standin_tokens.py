"""14.2: who gets in, and with which permission."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from sandbox.hautech import Credentials
from tests.support.standin import MISSING_ID, Lab, credentials, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def self_status(lab: Lab, token: str | None) -> int:
    return int(lab.call("GET", "/v1/accounts/self", token=token).status_code)


def test_self_signed_token_and_static_token_get_in(lab: Lab) -> None:
    assert self_status(lab, lab.stand_in.token()) == 200
    assert self_status(lab, credentials().api_token) == 200


def test_no_token_and_nonsense_are_401(lab: Lab) -> None:
    answer = lab.call("GET", "/v1/accounts/self", token=None)
    assert answer.status_code == 401
    assert answer.json() == {"statusCode": 401, "message": "Unauthorized"}
    assert self_status(lab, "nonsense") == 401
    basic = lab.call(
        "GET", "/v1/accounts/self", token=None, headers={"Authorization": f"Basic {lab.token}"}
    )
    assert basic.status_code == 401


def test_only_rs256_counts(lab: Lab) -> None:
    claims = jwt.decode(lab.token, options={"verify_signature": False})
    headers = {"kid": credentials().key_id}
    unsigned = jwt.encode(claims, "", algorithm="none", headers=headers)
    shared = jwt.encode(claims, "s" * 64, algorithm="HS256", headers=headers)
    longer = jwt.encode(claims, credentials().private_key(), algorithm="RS512", headers=headers)
    assert [self_status(lab, token) for token in (unsigned, shared, longer)] == [401] * 3


def test_key_of_another_application_is_refused(lab: Lab) -> None:
    other = Credentials.generate()
    now = lab.clock()
    claims = {"iss": credentials().app_id}
    assert self_status(lab, other.sign(now=now)) == 401
    forged = jwt.encode(
        jwt.decode(lab.token, options={"verify_signature": False}) | claims,
        other.private_key(),
        algorithm="RS256",
        headers={"kid": credentials().key_id},
    )
    assert self_status(lab, forged) == 401


@pytest.mark.parametrize(
    "claims",
    [{"iss": "another-app"}, {"iss": None}, {"kind": "directory-api"}, {"kind": None},
     {"iat": None}, {"exp": None}, {"exp": "soon"}, {"permissions": 7},
     {"permissions": "images:read"}, {"permissions": [1]}],
    ids=str,
)  # fmt: skip
def test_wrong_or_missing_claim_is_401(lab: Lab, claims: dict[str, Any]) -> None:
    payload = {**jwt.decode(lab.token, options={"verify_signature": False}), **claims}
    token = jwt.encode(
        {name: value for name, value in payload.items() if value is not None},
        credentials().private_key(),
        algorithm="RS256",
        headers={"kid": credentials().key_id},
    )
    assert self_status(lab, token) == 401


def test_missing_kind_passes_when_switched(lab: Lab) -> None:
    token = lab.stand_in.token(kind=None)
    lab.fresh(allowMissingKind=True)
    assert self_status(lab, token) == 200
    lab.fresh(allowMissingKind=False)
    assert self_status(lab, token) == 401


def test_token_expires_even_after_it_was_verified_once(lab: Lab) -> None:
    token = lab.stand_in.token(life_s=60)
    assert self_status(lab, token) == 200
    lab.clock.advance(59)
    assert self_status(lab, token) == 200
    lab.clock.advance(1)
    assert self_status(lab, token) == 401


def test_token_from_the_future_is_refused_but_a_little_skew_is_not(lab: Lab) -> None:
    now = int(lab.clock().timestamp())
    assert self_status(lab, lab.stand_in.token(iat=now + 30)) == 200
    assert self_status(lab, lab.stand_in.token(iat=now + 300)) == 401


@pytest.mark.parametrize(
    ("granted", "status"),
    [("*", 404), ("images:read", 404), ("images.read", 404), ("images:*", 404),
     ("images.*", 404), ("images:create", 403), ("images:read:more", 403), ("images", 403),
     ("image:*", 403), ("poses:*", 403)],
)  # fmt: skip
def test_permission_is_checked_per_route(lab: Lab, granted: str, status: int) -> None:
    token = lab.stand_in.token(permissions=[granted])
    answer = lab.call("GET", f"/v1/images/{MISSING_ID}", token=token)
    assert answer.status_code == status
    if status == 403:
        assert answer.json() == {
            "statusCode": 403,
            "message": "Forbidden resource",
            "error": "Forbidden",
        }


def test_token_without_permissions_may_do_nothing_but_look_at_itself(lab: Lab) -> None:
    token = lab.stand_in.token(permissions=[])
    assert self_status(lab, token) == 200
    assert lab.call("GET", "/v1/pipelines", token=token).status_code == 403
    assert lab.call("GET", "/v1/accounts/self/balance", token=token).status_code == 403


def test_permission_names_need_no_token(lab: Lab) -> None:
    assert lab.call("GET", "/v1/permissions/available", token=None).status_code == 200


def test_secrets_do_not_show_in_repr() -> None:
    text = repr(credentials())
    assert credentials().key_secret not in text
    assert credentials().api_token not in text
