"""Names in braces: finds and fills `{sku}` in texts, at any depth of a document; merges documents.

`{{` and `}}` stand for braces themselves. What is filled in is never looked through for names
again: a file called `{tenant}.jpg` is no way to read another name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from worker.contracts.plain_words import path_of

NAME_PATTERN = "[A-Za-z][A-Za-z0-9_]{0,31}"
LEFT_FOR_LATER = "outputOptions.key"
"""Where a request has names of its own, which are filled when its pictures are there."""

NAMES_OF_PICTURES = frozenset({"n", "ext", "requestId"})
"""Names that mean something of the picture there."""

_NAME = re.compile(NAME_PATTERN)
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class BadTemplateError(ValueError):
    """A text with a brace that opens or closes no name; the message says which rule is broken."""


def names_in(text: str) -> tuple[str, ...]:
    """The names that a text needs, in order.

    Raises BadTemplateError.
    """
    return tuple(name for name in (_name(piece) for piece in _PIECE.finditer(text)) if name)


def fill(text: str, names: Mapping[str, str]) -> str:
    """A text with every name replaced and doubled braces made single.

    Raises BadTemplateError, also for a name that is not among `names`.
    """

    def value(piece: re.Match[str]) -> str:
        name = _name(piece)
        if name is None:
            return piece[0][0]
        if name not in names:
            raise BadTemplateError(f"needs the name {{{name}}}, which nothing gives")
        return names[name]

    return _PIECE.sub(value, text)


def fill_known(text: str, names: Mapping[str, str]) -> str:
    """A text with the names that are known replaced, still a template for those that are not.

    Raises BadTemplateError.
    """

    def value(piece: re.Match[str]) -> str:
        name = _name(piece)
        known = names.get(name) if name else None
        return piece[0] if known is None else escaped(known)

    return _PIECE.sub(value, text)


def escaped(text: str) -> str:
    """A text as the template that gives it."""
    return text.replace("{", "{{").replace("}", "}}")


def escaped_deep(value: Any) -> Any:
    """A JSON value as the template that gives it."""
    return _each_text(value, lambda text, _: escaped(text), ())


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value whose texts are filled, at any depth; keys stay as they are.

    In `outputOptions.key` of a request, what is not known or means the picture stays for later.
    Raises BadTemplateError, with the place in it.
    """
    of_others = {name: text for name, text in names.items() if name not in NAMES_OF_PICTURES}

    def change(text: str, place: str) -> str:
        return fill_known(text, of_others) if place == LEFT_FOR_LATER else fill(text, names)

    return _each_text(value, change, ())


def filled_known(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value like `filled` that is still a template for the names that are not known."""
    return _each_text(value, lambda text, _: fill_known(text, names), ())


def texts_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with its place, as `input.prompt`; keys are no texts."""
    if isinstance(value, str):
        yield path_of(path), value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(item, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from texts_in(item, (*path, index))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two documents as one: `above` wins, objects are merged into each other, null removes."""
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            under = result.get(key)
            result[key] = merged(under if isinstance(under, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _name(piece: re.Match[str]) -> str | None:
    """The name of a piece; None for a doubled brace."""
    if piece[0] in ("{{", "}}"):
        return None
    name = piece[1]
    if name is None:
        raise BadTemplateError(f'has a single "{piece[0]}"; for the brace itself write it twice')
    if not _NAME.fullmatch(name):
        raise BadTemplateError(
            f"has {piece[0]}: a name in braces is letters, digits and _, up to 32; for the braces "
            "themselves write them twice"
        )
    return name


def _each_text(value: Any, change: Callable[[str, str], str], path: tuple[str | int, ...]) -> Any:
    if isinstance(value, str):
        try:
            return change(value, path_of(path))
        except BadTemplateError as error:
            raise BadTemplateError(f"{path_of(path)} {error}") from None
    if isinstance(value, Mapping):
        return {key: _each_text(item, change, (*path, key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(item, change, (*path, index)) for index, item in enumerate(value)]
    return value
