"""HTML that is safe by construction: every text is escaped unless it is `Markup` already."""

from __future__ import annotations

import html
import json
import re
from typing import Any

_VOID = frozenset({"img", "meta", "link", "br"})
_ATTRIBUTE = re.compile(r"[a-z][a-z-]*")


class Markup(str):
    """Text that is HTML already. Only `element`, `joined` and `trusted` make it."""

    __slots__ = ()


def trusted(text: str) -> Markup:
    """Declares a text of our own, such as a style sheet, to be HTML as it is."""
    return Markup(text)


def joined(*parts: str) -> Markup:
    """One piece of HTML of several; those that are not Markup are escaped."""
    return Markup("".join(_escaped(part) for part in parts))


def element(name: str, /, *content: str, **attributes: str | int | bool | None) -> Markup:
    """An element with its content.

    Args:
        name: of the element, such as `p`.
        *content: texts, escaped unless they are Markup.
        **attributes: `class_` becomes `class`, `aria_label` becomes `aria-label`; True gives the
            bare name, None and False leave it out.
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{joined(*content)}</{name}>")


def json_tree(value: Any) -> Markup:
    """JSON, pretty-printed and coloured, for a `pre`."""
    return _json(value, "")


def _json(value: Any, indent: str) -> Markup:
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        lines = [
            joined(deeper, element("b", _text(str(key))), ": ", _json(item, deeper))
            for key, item in value.items()
        ]
        return _block("{", lines, indent, "}")
    if isinstance(value, list | tuple) and value:
        return _block("[", [joined(deeper, _json(item, deeper)) for item in value], indent, "]")
    return element("i" if isinstance(value, str) else "em", _text(value))


def _block(begin: str, lines: list[Markup], indent: str, end: str) -> Markup:
    return joined(begin, "\n", Markup(",\n".join(lines)), "\n", indent, end)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _attribute(key: str, value: str | int | bool | None) -> str:  # noqa: FBT001 - HTML has them
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if not _ATTRIBUTE.fullmatch(name):
        raise ValueError(f"{key!r} is no attribute name")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value), quote=True)}"'


def _escaped(part: str) -> str:
    return part if isinstance(part, Markup) else html.escape(part, quote=True)
