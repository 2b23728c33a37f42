"""JSON, read strictly and written canonically.

Reading refuses what the standard library lets through and what would surprise later: repeated
keys (two readers may see two different requests), NaN and numbers beyond a double, half
characters, texts that are too large or nested too deeply to be worked on safely.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn

from worker.contracts.text import excerpt, shown_key
from worker.errors import MalformedRequestError

MAX_MESSAGE_BYTES = 262_144
"""256 KiB: what SNS and EventBridge carry, so every way to send a request has the same limit."""

MAX_NESTING = 32
"""Objects and lists inside each other, the outermost one counted."""

_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


class _RefusedError(ValueError):
    """A reader hook met something that the standard library would accept."""


def read_json(body: str | bytes, what: str = "the message") -> Any:
    """The JSON value in `body`; `what` names it in errors.

    Raises:
        MalformedRequestError: not UTF-8, not JSON, or beyond one of the limits above; says
            where, with a few characters around the place.
    """
    text = _decoded(body, what)
    if not text.strip():
        raise MalformedRequestError(f"{what} is empty, not a JSON object")
    try:
        value = decode_strictly(text)
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise MalformedRequestError(
            f"{what} is not JSON: {reason} at line {error.lineno}, column {error.colno}, "
            f"near {excerpt(text, error.pos)}; check it with a JSON linter before sending"
        ) from error
    except _RefusedError as error:
        raise MalformedRequestError(f"{what} is not acceptable JSON: {error}") from error
    except RecursionError as error:
        raise _too_deep(what) from error
    except ValueError as error:
        # The one other ValueError of the decoder: an integer beyond the interpreter's digit limit.
        raise MalformedRequestError(
            f"{what} is not acceptable JSON: an integer has thousands of digits; "
            "send such a number as text"
        ) from error
    # Counting brackets is far cheaper than walking, and nearly every message has few of them.
    if text.count("{") + text.count("[") > MAX_NESTING and _depth(value) > MAX_NESTING:
        raise _too_deep(what)
    if _HALF_CHARACTER.search(text) and any(_is_half(string) for string in _strings(value)):
        raise MalformedRequestError(
            f"{what} is not acceptable JSON: a \\ud800-\\udfff escape stands alone; "
            "such escapes come in pairs that make one character"
        )
    return value


def decode_strictly(text: str) -> Any:
    """The JSON value in a text of any size: no key twice, no number beyond a double.

    Raises ValueError, or RecursionError for thousands of levels.
    """
    return _DECODER.decode(text)


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: keys sorted, no whitespace, object members that are null left out.

    Two values that mean the same give the same text, in every release: digests are made of it.
    Nulls inside lists stay, because leaving them out would move their neighbours.
    """
    return json.dumps(
        _without_nulls(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def _decoded(body: str | bytes, what: str) -> str:
    try:
        raw = body.encode() if isinstance(body, str) else body
        text = body if isinstance(body, str) else body.decode()
    except UnicodeError as error:
        raise MalformedRequestError(
            f"{what} is not UTF-8 text (at position {getattr(error, 'start', 0)}); "
            "send JSON encoded as UTF-8"
        ) from error
    if len(raw) > MAX_MESSAGE_BYTES:
        raise MalformedRequestError(
            f"{what} has {len(raw):,} bytes, at most {MAX_MESSAGE_BYTES:,} are allowed; "
            "refer to images by s3:// URI instead of carrying them"
        )
    return text.removeprefix("\ufeff")  # some editors begin files with a byte order mark


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        ((repeated, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise _RefusedError(f'the key "{shown_key(repeated)}" stands twice in one object; keep one')
    return found


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedError(f"{text[:40]} is beyond what a number can hold")
    return number


def _constant(name: str) -> NoReturn:
    raise _RefusedError(f"{name} is not a JSON number; leave the field out or use null")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
)


def _too_deep(what: str) -> MalformedRequestError:
    return MalformedRequestError(
        f"{what} is nested deeper than {MAX_NESTING} levels; flatten it, mostly `metadata` or `input`"
    )


def _depth(value: Any) -> int:
    # Level by level, not by recursion: the point is to survive values that are too deep.
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [
            child for item in level for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)


def _is_half(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_nulls(item) for item in value]
    return value
