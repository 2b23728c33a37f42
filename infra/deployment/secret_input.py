"""What a person gives as the secret, at a prompt that does not echo or on stdin: checked, never shown.

Never on a command line, which every process of the machine can read.
"""

from __future__ import annotations

import getpass
import json
import re
import sys
from typing import Any

from infra.deployment.errors import DeploymentError
from worker.errors import SettingsError
from worker.settings import StoredCredentials, parse_stored_credentials

_TOKEN = "HAUTECH_API_TOKEN"  # noqa: S105 - the name of a variable
_KEY_PARTS = {
    "HAUTECH_APP_ID": "id of the application",
    "HAUTECH_APP_KEY_ID": "id of its key",
    "HAUTECH_APP_KEY_SECRET": "the key itself",
}
_LINE_OF_FILE = re.compile(r"(export\s+)?([A-Z][A-Z0-9]*(_[A-Z0-9]+)+|hautech_\w+)\s*=\s*\S")
"""`HAUTECH_API_TOKEN=…`, which would be sent to Hautech as it stands."""

_QUOTES = ('"', "'", "`", "“", "”", "‘", "’")


class NoSecretError(DeploymentError):
    """What was given cannot be the secret, and nothing was stored. No part of it is repeated."""

    def __init__(self, reason: str) -> None:
        parts = ", ".join(f'"{part}": "…"' for part in _KEY_PARTS)
        super().__init__(
            f"nothing was stored: {reason}.\n"
            "Give the API token alone, as the developer portal shows it: no quotes, no word Bearer.\n"
            f'Or a JSON object: {{"{_TOKEN}": "…"}}\n'
            f"or, with an application key: {{{parts}}}"
        )


def ask() -> str:
    """The text of a secret from a person at a terminal, or from stdin when that is none.

    Either may be the token alone, or the JSON object that the secret will be.

    Raises:
        NoSecretError: it is neither.
    """
    text = _asked() if sys.stdin.isatty() else _text(sys.stdin.read().strip())
    _check(json.loads(text))
    return text


def _asked() -> str:
    print("What Hautech gave you (developer portal, application keys). It is not shown.")
    token = getpass.getpass("API token (empty: give an application key instead): ").strip()
    if token:
        return _text(token)
    parts = {
        part: getpass.getpass(f"{meaning} ({part}): ").strip()
        for part, meaning in _KEY_PARTS.items()
    }
    return json.dumps(parts)


def _text(given: str) -> str:
    """The JSON object: `given` itself, or one around the token that it is."""
    if not given:
        raise NoSecretError("nothing was given")
    document = _parsed(given)
    if isinstance(document, dict):
        return given
    if document is not None or given.startswith(("[", "{")) or given == "null":
        raise NoSecretError("that is neither a bare token nor a JSON object")
    return json.dumps({_TOKEN: given})


def _parsed(text: str) -> Any:
    """The JSON document that a text is; None for a token, which may be a number to JSON."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return (
        None if isinstance(document, int | float) and not isinstance(document, bool) else document
    )


def _check(values: dict[str, Any]) -> None:
    if not all(isinstance(value, str) for value in values.values()):
        raise NoSecretError("the values in the object must be texts")
    for name in (_TOKEN, *_KEY_PARTS):
        value = values.get(name, "").strip()
        if value.startswith(_QUOTES):
            raise NoSecretError(f"{name} stands in quotes, which would become a part of it")
        if _LINE_OF_FILE.match(value):
            raise NoSecretError(f"{name} is a line of an environment file: give what follows its =")
    if not values.get(_TOKEN, "").isascii():
        raise NoSecretError(
            "the token has characters that no token has, such as accents, a long dash or a space that "
            "is none: copy it again"
        )
    try:
        parse_stored_credentials(values, StoredCredentials("given"))
    except SettingsError as error:
        missing = [part for part in _KEY_PARTS if not values.get(part, "").strip()]
        if values.get(_TOKEN, "").strip():
            reason = "the token must be one word on one line, without the word Bearer"
        elif len(missing) == len(_KEY_PARTS):
            reason = f"there is neither {_TOKEN} nor an application key in it"
        else:
            verb = "is" if len(missing) == 1 else "are"
            reason = f"of the application key, {', '.join(missing)} {verb} missing"
        raise NoSecretError(reason) from error
