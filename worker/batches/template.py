"""The request of a batch as a template: `{names}` are filled with a row's values, fields are set.

    template   "output": "s3://shop/{season}/{sku}/"     row   sku = 1042, season = spring
    request    "output": "s3://shop/spring/1042/"

A text that is nothing but one `{name}` becomes the value itself, with its type; an empty value leaves
the field out. Inside a longer text a value has to be there: a picture of "a  jacket" helps nobody.
`{{` and `}}` stand for braces. Names of `outputOptions.key` that no row has are left for later: a
request fills those itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from worker.contracts.filling import LEFT_FOR_LATER, NAMES_OF_PICTURES, escaped
from worker.contracts.text import shown_key

_PIECES = re.compile(r"\{\{|\}\}|\{([^\W\d][\w .-]*)\}")

OWN_NAMES: Final = ("row", "batchId")
"""Names that every row has."""

_LEFT_FOR_LATER: Final = tuple(LEFT_FOR_LATER.split("."))


class RowError(ValueError):
    """A row is no request; the message says why."""


def names_in(template: Any) -> frozenset[str]:
    """The names that a template needs from its rows."""
    return frozenset(
        name
        for path, text in _texts(template, ())
        if path != _LEFT_FOR_LATER
        for name in _names(text)
    )


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its names filled. Raises RowError for a name without a value."""
    return _filled(template, values, ())


def _names(text: str) -> Iterator[str]:
    return (piece[1] for piece in _PIECES.finditer(text) if piece[1] is not None)


def _texts(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _texts(member, (*path, name))
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member, path)


def _filled(value: Any, values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _filled_text(value, values, path)
    if isinstance(value, Mapping):
        filled = ((name, _filled(member, values, (*path, name))) for name, member in value.items())
        return {name: member for name, member in filled if member is not _NOTHING}
    if isinstance(value, list):
        return [
            one
            for one in (_filled(member, values, path) for member in value)
            if one is not _NOTHING
        ]
    return value


def _filled_text(text: str, values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    if "{" not in text and "}" not in text:
        return text
    alone = _PIECES.fullmatch(text)
    if alone is not None and alone[1] in values and path != _LEFT_FOR_LATER:
        value = values[alone[1]]
        return _NOTHING if value is None or value == "" else value

    is_for_later = path == _LEFT_FOR_LATER

    def one(piece: re.Match[str]) -> str:
        name = piece[1]
        if name is None:
            return piece[0] if is_for_later else piece[0][0]
        if is_for_later and (name not in values or name in NAMES_OF_PICTURES):
            return piece[0]
        if name not in values:
            raise RowError(_unknown(name, path, values))
        value = values[name]
        if value is None or value == "":
            place = ".".join(path)
            raise RowError(f'"{shown_key(name)}" is empty, and {place} needs it: {{{name}}}')
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return escaped(text) if is_for_later else text

    return _PIECES.sub(one, text)


def _unknown(name: str, path: tuple[str, ...], values: Iterable[str]) -> str:
    known = ", ".join(shown_key(one) for one in values)
    return f"{'.'.join(path)}: {{{shown_key(name)}}} is no name of a row: there are {known}"


class _Nothing:
    """Stands for a field that is left out."""


_NOTHING: Final = _Nothing()
