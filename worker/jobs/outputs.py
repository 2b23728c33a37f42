"""What of a pipeline's output may be kept and shown: everything but the secrets in its links."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from worker.contracts.text import redact

MAX_DEPTH = 32
"""Deeper parts are left out: nobody reads them, and no recursion of ours may end in a crash."""


def without_secrets(value: Any, depth: int = 0) -> Any:
    """A JSON value whose links have lost their user info, query and fragment.

    A signed link is a key to the picture for whoever holds it: it is never stored or published.
    Parts nested deeper than 32 are left out, and half characters are replaced, so that the value
    can be stored and sent whatever the other side answered.
    """
    if depth > MAX_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, str):
        return _bare_link(whole_text(value))
    if isinstance(value, list):
        return [without_secrets(member, depth + 1) for member in value]
    if isinstance(value, dict):
        return {
            whole_text(str(key)): without_secrets(member, depth + 1)
            for key, member in value.items()
        }
    return value


def whole_text(text: str, limit: int | None = None) -> str:
    """A text that can be stored: lone surrogates replaced, at most `limit` characters."""
    cut = text if limit is None else text[:limit]
    return cut.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _bare_link(text: str) -> str:
    if not text.lower().startswith(("https://", "http://")):
        # A link within a text, or in a form that nobody follows, is a link all the same.
        return redact(text) if "://" in text else text
    try:
        parts = urlsplit(text)
    except ValueError:
        return "(a link that cannot be read)"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
