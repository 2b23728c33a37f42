"""Foreign text made fit to be shown: short, on one line, and without secrets.

Everything that a producer wrote and that ends up in an error message, an event or a message
attribute goes through here first.
"""

from __future__ import annotations

import json
import re
from typing import Any

SHOWN_CHARACTERS = 80
"""How much of a value an error message repeats."""

# Pre-signed URLs carry their secret in the query, some URLs carry a password before the "@", and
# a JSON Web Token can be recognised by its first letters. A trailing ?versionId= is no secret.
# Each pattern passes over a text once, also where nothing is found: the texts are a producer's,
# and a key of 250,000 question marks must not cost minutes.
_QUERY = re.compile(r"\?[^\s=]*(=\S*)?")
_VERSION = re.compile(r"\?versionId=[^&\s?]*\Z")
_USERINFO = re.compile(r"://[^/\s@]+@")
_TOKEN = re.compile(r"eyJ[\w.-]{8,}")
_LONG_RUN = re.compile(r"[\w+/%=.-]{16,}")

# Source: SQS SendMessage and SNS Publish: #x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD |
# #x10000-#x10FFFF, the characters of XML 1.0. These are all the others: Python compiles a class of
# few characters ten times as fast as one of all characters but these.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Line breaks and marks that turn the direction of writing can make a log line lie, too.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shorten(text: str, limit: int) -> str:
    """`text`, or its beginning and an ellipsis: at most `limit` characters (`limit` ≥ 1)."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def redact(text: str) -> str:
    """`text` without what may be a secret: URL queries, passwords in URLs, tokens."""
    return _TOKEN.sub("…", _USERINFO.sub("://…@", _QUERY.sub(_without_query, text)))


def _without_query(match: re.Match[str]) -> str:
    is_at_end = match.end() == len(match.string)
    if match[1] is None or (is_at_end and _VERSION.fullmatch(match[0])):
        return match[0]
    return "?…"


def one_line(text: str, limit: int) -> str:
    """`text` in at most `limit` characters that SQS and SNS take; control characters are spaces."""
    return shorten(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub(" ", text)), limit)


def visible(text: str, *, keeps_lines: bool = False) -> str:
    """`text` with control characters written out (ESC as `x1b`), also those that turn the
    direction of writing: what others wrote moves no cursor and begins no line of its own.

    With `keeps_lines`, line breaks and tabs stay.
    """
    kept = "\n\t" if keeps_lines else ""
    return _CONTROL.sub(
        lambda found: found[0] if found[0] in kept else _escaped(found[0]),
        text,
    )


def visible_json(line: str) -> str:
    """JSON text whose strings hold no raw control character: `json` itself leaves some as they are."""
    if line.isascii() and "\x7f" not in line:
        return line
    return _CONTROL.sub(
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", line
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def is_attribute_text(text: str) -> bool:
    """Whether SNS and SQS take `text` as the value of a String attribute: not empty, XML 1.0."""
    return bool(text) and _NOT_XML.search(text) is None


def shown(value: Any) -> str:
    """A JSON value as an error message shows it: short, on one line, no secrets.

    URIs stand bare, other text in quotes (so that "42" differs from 42); of objects and lists
    only the size is told, since what is inside has messages of its own.
    """
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, dict):
        return f"an object with {len(value)} key(s)"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, (bool, int, float)):
        return shorten(json.dumps(value), SHOWN_CHARACTERS)
    return f"a {type(value).__name__}"


def shown_key(key: str) -> str:
    """A key of an object as it stands in the path of a problem: short and on one line."""
    return one_line(redact(key), SHOWN_CHARACTERS // 2)


def excerpt(text: str, position: int) -> str:
    """A few characters around `position`, quoted, long runs (tokens, signatures) left out."""
    window = text[max(0, position - 20) : position + 12]
    return json.dumps(_LONG_RUN.sub("…", one_line(window, 40)), ensure_ascii=False)


def _shown_text(text: str) -> str:
    # Looking for secrets in the whole of a huge value would only cost time: the rest is cut off.
    # The secret of a URL lies behind its "?", so what remains of a cut one is still recognised.
    safe = one_line(redact(text[:2_000]), SHOWN_CHARACTERS)
    if re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", safe, re.IGNORECASE):
        return safe
    quoted = json.dumps(safe, ensure_ascii=False)
    return f"{quoted} ({len(text):,} characters)" if len(text) > SHOWN_CHARACTERS else quoted
