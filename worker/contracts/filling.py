"""Names in braces: the one language of all templates, in rules, presets, batches and keys of pictures.

    {sku}    what the name stands for; a name is any text without braces and space around it
    {{  }}   the brace itself

    fill("s3://shop/{sku}/", {"sku": "1042"})                         s3://shop/1042/
    filled({"input": {"prompt": "a {colour} coat"}}, names)           a whole document, of texts
    filled_with_values({"input": {"seed": "{seed}"}}, {"seed": 7})    or of values of any kind

What is filled in is never looked through for names again: a file called `{tenant}.jpg` is no way to
read another name. Names are compared in Unicode's composed form (NFC): `{größe}` is one name however
a keyboard writes it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.plain_words import did_you_mean, path_of
from worker.contracts.text import shown_key

NAME_PATTERN = "[A-Za-z][A-Za-z0-9_]{0,31}"
"""Names that a path can give; those of a batch are whatever its columns are called, those of a picture
whatever its metadata is."""

LEFT_FOR_LATER = "outputOptions.key"
"""Where a request has names of its own, which are filled when its pictures are there."""

NAMES_OF_PICTURES = frozenset({"n", "ext", "requestId"})
"""Names that mean something of the picture there."""

Path = tuple[str | int, ...]
"""A place in a JSON value: keys, and indexes of lists."""

_LATER_PATH: Final = tuple(LEFT_FOR_LATER.split("."))
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


class BadTemplateError(ValueError):
    """A text that cannot be filled; the message says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a template."""

    name: str


def pieces_of(text: str) -> Iterator[str | Name]:
    """A template taken apart: literal texts and names, in order.

    Raises BadTemplateError.
    """
    literal, end = "", 0
    for piece in _PIECE.finditer(text):
        literal += text[end : piece.start()]
        end = piece.end()
        name = _name(piece)
        if name is None:
            literal += piece[0][0]
            continue
        if literal:
            yield literal
        literal = ""
        yield Name(name)
    literal += text[end:]
    if literal:
        yield literal


def names_in(text: str) -> tuple[str, ...]:
    """The names that a text needs, in order.

    Raises BadTemplateError.
    """
    return tuple(name for name in map(_name, _PIECE.finditer(text)) if name is not None)


def fill(text: str, names: Mapping[str, str]) -> str:
    """A text with every name replaced and doubled braces made single.

    Raises BadTemplateError, also for a name that is not among `names`.
    """

    def value(piece: re.Match[str]) -> str:
        name = _name(piece)
        return piece[0][0] if name is None else _known(name, names)

    return _PIECE.sub(value, text)


def fill_known(text: str, names: Mapping[str, str]) -> str:
    """A text with the names that are known replaced, still a template for those that are not.

    Raises BadTemplateError.
    """

    def value(piece: re.Match[str]) -> str:
        name = _name(piece)
        known = None if name is None else names.get(name)
        return piece[0] if known is None else escaped(known)

    return _PIECE.sub(value, text)


def escaped(text: str) -> str:
    """A text as the template that gives it."""
    return text.replace("{", "{{").replace("}", "}}")


def escaped_deep(value: Any) -> Any:
    """A JSON value as the template that gives it."""
    return _each_text(value, lambda text, _: escaped(text), ())


def composed(name: str) -> str:
    """A name as templates have it: letters with marks in one form (NFC)."""
    return unicodedata.normalize("NFC", name)


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value whose texts are filled, at any depth; keys stay as they are.

    In `outputOptions.key` of a request, what is not known or means the picture stays for later.
    Raises BadTemplateError, with the place in it.
    """
    of_others = _without_names_of_pictures(names)

    def change(text: str, path: Path) -> str:
        return fill_known(text, of_others) if path == _LATER_PATH else fill(text, names)

    return _each_text(value, change, ())


def filled_known(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value like `filled` that is still a template for the names that are not known."""
    of_others = _without_names_of_pictures(names)

    def change(text: str, path: Path) -> str:
        return fill_known(text, of_others if path == _LATER_PATH else names)

    return _each_text(value, change, ())


def filled_with_values(value: Any, values: Mapping[str, Any]) -> Any:
    """A JSON value like `filled`, with JSON values for names.

    A text that is one name becomes the value itself, with its type; an empty one (null, "") leaves
    the field or the element out. Inside a longer text a value has to be there: a picture of
    "a  jacket" helps nobody. Raises BadTemplateError, with the place in it.
    """
    texts = {name: _text_of(one) for name, one in values.items()}
    of_others = {
        name: text for name, text in _without_names_of_pictures(texts).items() if text != ""
    }

    def change(text: str, path: Path) -> Any:
        if path == _LATER_PATH:
            return fill_known(text, of_others)
        alone = _PIECE.fullmatch(text)
        if alone is not None and (name := _name(alone)) is not None:
            _known(name, texts)
            return _LEFT_OUT if texts[name] == "" else values[name]
        for name in names_in(text):
            if texts.get(name) == "":
                raise BadTemplateError(f"needs {{{shown_key(name)}}}, which is empty")
        return fill(text, texts)

    return _each_text(value, change, ())


def texts_in(value: Any, path: Path = ()) -> Iterator[tuple[str, str]]:
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
    if not name or name != name.strip():
        raise BadTemplateError(
            f"has {shown_key(piece[0])}: a name in braces has no space around it; for the braces "
            "themselves write them twice"
        )
    return composed(name)


def _known(name: str, names: Mapping[str, str]) -> str:
    if name in names:
        return names[name]
    hint = did_you_mean(name, names)
    if not hint and names:
        hint = f"there are {', '.join(map(shown_key, list(names)[:20]))}"
    raise BadTemplateError(
        f"needs the name {{{shown_key(name)}}}, which nothing gives{f' ({hint})' if hint else ''}"
    )


def _without_names_of_pictures(names: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in names.items() if name not in NAMES_OF_PICTURES}


def _text_of(value: Any) -> str:
    """A value inside a longer text; "" if there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


class _LeftOut:
    """Stands for a field that is left out."""


_LEFT_OUT: Final = _LeftOut()


def _each_text(value: Any, change: Callable[[str, Path], Any], path: Path) -> Any:
    if isinstance(value, str):
        try:
            return change(value, path)
        except BadTemplateError as error:
            place = path_of(path)
            raise BadTemplateError(f"{place} {error}" if place else str(error)) from None
    if isinstance(value, Mapping):
        items = ((key, _each_text(item, change, (*path, key))) for key, item in value.items())
        return {key: item for key, item in items if item is not _LEFT_OUT}
    if isinstance(value, (list, tuple)):
        changed = (_each_text(item, change, (*path, index)) for index, item in enumerate(value))
        return [item for item in changed if item is not _LEFT_OUT]
    return value
