"""How the worker signs in at Hautech: which of the three ways is set, and what of it is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worker.errors import Problem, SettingsError
from worker.settings.secret import Secret

TOKEN = "HAUTECH_API_TOKEN"  # noqa: S105 - the name of a variable
KEY_PARTS = ("HAUTECH_APP_ID", "HAUTECH_APP_KEY_ID", "HAUTECH_APP_KEY_SECRET")
SECRET_ARN = "HAUTECH_SECRET_ARN"  # noqa: S105 - the name of a variable
ACCOUNT = "HAUTECH_ACCOUNT_ID"

_CHOICES = f"{TOKEN}, or {', '.join(KEY_PARTS)}, or {SECRET_ARN}"
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^\s]+")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A ready-made token."""

    token: Secret

    def __str__(self) -> str:
        return f"the token in {TOKEN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationKey:
    """A key that signs tokens. `account_id` None makes root tokens."""

    app_id: str
    key_id: str
    key_secret: Secret
    account_id: str | None = None

    def __str__(self) -> str:
        return f"tokens signed with application key {self.key_id}"


@dataclass(frozen=True, slots=True)
class StoredCredentials:
    """A Secrets Manager secret that holds one of the other two."""

    arn: str
    account_id: str | None = None

    def __str__(self) -> str:
        return f"the secret {self.arn}"


Credentials = ApiToken | ApplicationKey | StoredCredentials


def read_credentials(
    get: Callable[[str], str], report: Callable[[Problem], None], *, required: bool
) -> Credentials | None:
    """The one way to sign in that is set; None when it is not, with the problems reported.

    Args:
        get: Gives the text of a variable, "" when it is not set.
        report: Takes each problem. No problem shows a secret.
        required: Whether it is a problem that nothing is set.
    """
    arn, account = get(SECRET_ARN), get(ACCOUNT) or None
    given = [name for name in KEY_PARTS if get(name)]
    ways = [name for name in (TOKEN, SECRET_ARN) if get(name)]
    if len(ways) + bool(given) > 1:
        names = " and ".join([*ways, *given])
        rule = "only one way to sign in at Hautech may be set"
        report(
            Problem(
                names,
                "all set" if len(ways) + len(given) > 2 else "both set",
                rule,
                f"keep one of: {_CHOICES}",
            )
        )
        return None
    if arn:
        if not _ARN.fullmatch(arn):
            rule = "must be the ARN of a Secrets Manager secret, arn:aws:secretsmanager:…"
            report(Problem(SECRET_ARN, arn[:120], rule, "`aws secretsmanager list-secrets`"))
            return None
        return StoredCredentials(arn, account)
    if not ways and not given:
        if required:
            rule = "not set, so the worker cannot sign in at Hautech"
            report(Problem(f"{TOKEN}", "", rule, f"set {_CHOICES}"))
        return None
    return _from_values(get, report, account)


def parse_stored_credentials(
    values: Mapping[str, str], stored: StoredCredentials
) -> ApiToken | ApplicationKey:
    """The credentials among the values of a Secrets Manager secret.

    Raises SettingsError naming the secret and what is missing in it, never a value.
    """
    problems: list[Problem] = []
    found = _from_values(
        lambda name: values.get(name, "").strip(), problems.append, stored.account_id
    )
    if found is None or problems:
        missing = "; ".join(f"{problem.field}: {problem.rule}" for problem in problems)
        rule = f"must hold {TOKEN}, or {', '.join(KEY_PARTS)}"
        raise SettingsError([Problem(SECRET_ARN, stored.arn, rule, missing)])
    return found


def _from_values(
    get: Callable[[str], str], report: Callable[[Problem], None], account: str | None
) -> ApiToken | ApplicationKey | None:
    if token := get(TOKEN):
        if token.lower().startswith("bearer ") or not token.isprintable() or " " in token:
            rule = "must be the bare token, on one line, without the word Bearer"
            report(Problem(TOKEN, "", rule, "copy it again from the developer portal"))
            return None
        return ApiToken(Secret(token))
    missing = [name for name in KEY_PARTS if not get(name)]
    for name in missing:
        set_ones = ", ".join(part for part in KEY_PARTS if part not in missing) or "the others"
        rule = f"not set, but needed together with {set_ones}"
        report(Problem(name, "", rule, "Hautech developer portal, application keys"))
    if missing:
        return None
    app_id, key_id, key_secret = (get(name) for name in KEY_PARTS)
    return ApplicationKey(
        app_id=app_id, key_id=key_id, key_secret=Secret(key_secret), account_id=account
    )
