"""YAML 1.2 as people write it by hand, read strictly, with the line of every value.

What JSON has is what counts: texts, numbers, true, false, null, lists, mappings with text keys.
Anchors, aliases and tags are refused, so no small text becomes a large value. In YAML 1.2, `no` is
a text, and `7:10` is an aspect ratio and not 430.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.contracts.plain_words import path_of
from worker.contracts.text import one_line, shown, shown_key
from worker.drops.limits import MAX_YAML_BYTES

MAX_NESTING: Final = 32

_TAG: Final = "tag:yaml.org,2002:"
_WRITTEN: Final = {
    "null": re.compile("|~|null|Null|NULL"),
    "bool": re.compile("true|True|TRUE|false|False|FALSE"),
    "int": re.compile("[-+]?([0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|0b[01]+)"),
    "float": re.compile(
        r"[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)"
    ),
}
"""How values that are no texts are written (Source: YAML 1.2.2, 10.3.2); a tag may stand before anything,
and %YAML 1.1 makes more of them: there, `no` is false.
"""

_HALF: Final = re.compile("[\ud800-\udfff]")


class YamlTextError(ValueError):
    """The text is no YAML that is taken here; `line` counts from 1."""

    def __init__(self, line: int, rule: str, fix: str = "", *, place: str = "") -> None:
        super().__init__(f"line {line}: {rule}" + (f" ({fix})" if fix else ""))
        self.line = line
        self.rule = rule
        self.fix = fix
        self.place = place


@dataclass(frozen=True, slots=True)
class YamlValue:
    """A value, and the line (from 1) of each part of it by its place, as `rules[0].match`."""

    value: Any
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, place: str) -> int:
        """The line of a part, or of the nearest thing around it that there is."""
        while place and place not in self.lines:
            cut = max(place.rfind("."), place.rfind("["))
            place = place[: max(cut, 0)]
        return self.lines.get(place, 1)


def read_yaml(text: str) -> YamlValue:
    """The one document of a YAML text; an empty text is None.

    Raises YamlTextError for the first thing that is wrong.
    """
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAX_YAML_BYTES:
        raise YamlTextError(1, f"has {size_bytes:,} bytes, at most {MAX_YAML_BYTES:,} are allowed")
    node = _composed(text.removeprefix("\ufeff"))
    if node is None:
        return YamlValue(None)
    lines: dict[str, int] = {}
    return YamlValue(_value(node, (), lines), lines)


def _composed(text: str) -> Any:
    # Imported when there is a text to read: it takes some 120 ms of CPU.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.composer import Composer  # noqa: PLC0415
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    class Shallow(Composer):
        """Stops at what is too deep: a text of brackets alone takes a minute to its end."""

        nesting = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.nesting += 1
            if self.nesting > MAX_NESTING + 1:
                line = self.parser.peek_event().start_mark.line + 1
                raise YamlTextError(line, f"is nested deeper than {MAX_NESTING} levels")
            node = super().compose_node(parent, index)
            self.nesting -= 1
            return node

    reader = YAML(typ="safe", pure=True)
    reader.Composer = Shallow
    try:
        return reader.compose(text)
    except MarkedYAMLError as error:
        raise _told(error) from error
    except YamlTextError:
        raise
    except (YAMLError, ValueError, OverflowError) as error:
        # A character that YAML does not take: the reader knows its position only.
        place = getattr(error, "position", 0)
        line = text.count("\n", 0, place if isinstance(place, int) else 0) + 1
        raise YamlTextError(line, "has a control character or half a character") from error


def _told(error: Any) -> YamlTextError:
    """An error of the reader at the line where a person has to look.

    It notices a line without a colon, or a bracket that stays open, some lines further on.
    """
    begun, noticed = error.context_mark, error.problem_mark or error.context_mark
    line = noticed.line + 1 if noticed else 1
    problem, context = error.problem or error.context or "", error.context or ""
    if begun is not None and begun.line + 1 < line:
        if "simple key" in context:
            return YamlTextError(
                begun.line + 1, "is not YAML: it is neither name: value nor - item"
            )
        if "flow" in context or "quoted" in context:
            what = "a quote" if "quoted" in context else "a bracket"
            return YamlTextError(begun.line + 1, f"has {what} that is still open in line {line}")
    return YamlTextError(line, _words(problem))


def _words(problem: str) -> str:
    if "cannot start any token" in problem and r"\t" in problem:
        return "is indented with a tab: use spaces"
    if "found another document" in problem or "single document" in problem:
        return "has a second document after ---: keep one"
    if "mapping values are not allowed" in problem:
        return "has a colon where none may stand: put the text in quotes"
    return f"is not YAML: {one_line(problem, 120)}"


def _value(node: Any, path: tuple[str | int, ...], lines: dict[str, int]) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(path_of(path), line)
    if node.anchor is not None:
        raise YamlTextError(
            line,
            f"has the anchor &{one_line(node.anchor, 40)}",
            "repeat the value, or use a preset",
        )
    if len(path) >= MAX_NESTING:
        raise YamlTextError(line, f"is nested deeper than {MAX_NESTING} levels")
    if node.id == "mapping" and node.tag == f"{_TAG}map":
        return _mapping(node, path, lines)
    if node.id == "sequence" and node.tag == f"{_TAG}seq":
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if node.id == "scalar":
        return _scalar(node, line)
    raise YamlTextError(line, f"has the tag {one_line(str(node.tag), 60)}: leave it out")


def _mapping(node: Any, path: tuple[str | int, ...], lines: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, item in node.value:
        line = key_node.start_mark.line + 1
        if key_node.id != "scalar" or key_node.anchor is not None:
            raise YamlTextError(line, "has a key that is no text")
        key = _sound(str(key_node.value), line)
        if key == "<<":
            raise YamlTextError(line, "has a merge key <<", "repeat the values, or use a preset")
        if key in found:
            raise YamlTextError(line, f'has the key "{shown_key(key)}" twice', "keep one")
        lines[path_of((*path, key))] = line
        found[key] = _value(item, (*path, key), lines)
    return found


def _scalar(node: Any, line: int) -> Any:
    text, kind = _sound(str(node.value), line), str(node.tag).removeprefix(_TAG)
    written = _WRITTEN.get(kind)
    if written is not None and "_" not in text and not written.fullmatch(text):
        raise YamlTextError(
            line, f"has {shown(text)}, which is no {kind} in YAML 1.2", "put it in quotes"
        )
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" and "_" not in text:
        return _integer(text, line)
    if kind == "float" and "_" not in text:
        number = float(text) if "n" not in text.lower() else math.nan  # .inf, .nan
        if not math.isfinite(number):
            raise YamlTextError(line, f"has {shown(text)}, which JSON does not have")
        return number
    if kind in ("str", "int", "float", "timestamp"):
        return text
    raise YamlTextError(line, f"has the tag {one_line(str(node.tag), 60)}: leave it out")


def _sound(text: str, line: int) -> str:
    if _HALF.search(text):
        raise YamlTextError(line, "has half a character", "write it as it is, not as an escape")
    return text


def _integer(text: str, line: int) -> int:
    digits = text.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2].lower(), 10)
    if len(digits) > 100:
        raise YamlTextError(line, "has a number of hundreds of digits", "put it in quotes")
    return int(text, base)
