"""What of a pipeline's output may be kept and shown: everything but the secrets in its links."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit


def without_secrets(value: Any) -> Any:
    """A JSON value whose links have lost their user info, query and fragment, at any depth.

    A signed link is a key to the picture for whoever holds it: it is never stored or published.
    """
    if isinstance(value, str):
        return _bare_link(value)
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    if isinstance(value, dict):
        return {key: without_secrets(member) for key, member in value.items()}
    return value


def _bare_link(text: str) -> str:
    if not text.lower().startswith(("https://", "http://")):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return "(a link that cannot be read)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
