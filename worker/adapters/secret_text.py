"""What a secret must look like, wherever it is kept; no error repeats any part of it."""

from __future__ import annotations

import json

from worker.errors import Problem, SettingsError

_FIX = (
    'store a JSON object with text values in it: {"HAUTECH_API_TOKEN": "…"}, or HAUTECH_APP_ID, '
    "HAUTECH_APP_KEY_ID and HAUTECH_APP_KEY_SECRET"
)


def parse_secret(arn: str, text: str) -> dict[str, str]:
    """The values in a secret's text. Raises SettingsError, which names no part of the text."""
    try:
        values = json.loads(text)
    except ValueError:
        # Raised below and not here: the decoder's error has the whole text in an attribute.
        values = None
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise unusable_secret(arn, "is not a JSON object of text values", _FIX)
    return values


def unusable_secret(arn: str, rule: str, fix: str) -> SettingsError:
    """The one problem with the secret that the settings name."""
    return SettingsError([Problem("HAUTECH_SECRET_ARN", arn, rule, fix)])
