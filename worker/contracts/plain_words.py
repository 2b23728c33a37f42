"""pydantic's errors in plain words: what stood where, the rule, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from worker.contracts.text import shown, shown_key
from worker.errors import Problem

MAX_PROBLEMS = 50
"""How many findings are told: a message of nothing but wrong keys must stay an event that fits."""

# The message types that our models can cause, with the words for each; `{…}` is pydantic's context.
_RULES: Mapping[str, str] = {
    "json_invalid": "is not JSON",
    "model_type": "must be a JSON object",
    "missing": "is required",
    "string_type": "must be text",
    "string_unicode": "must be text without half characters",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "dict_type": "must be a JSON object",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    *,
    under: Sequence[str] = (),
    what: str = "a request",
) -> list[Problem]:
    """The findings of `error` as Problems; `under` is the path of the validated object, and `what`
    names it where that path is empty.

    `model` supplies the field names for "did you mean" and the examples for missing fields.
    """
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    # A finding about a default value names the field as it is called in code.
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    details = error.errors(include_url=False)
    whole = ".".join(under) or what
    return [
        _problem(detail, fields, aliases, under, whole) for detail in details[: MAX_PROBLEMS + 1]
    ]


def path_of(parts: Iterable[str | int]) -> str:
    """The place inside a message as people write it: input.imageIds[0]."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{shown_key(part)}" if path else shown_key(part)
    return path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "…"?` for the known word that `word` is most like, or "" if none is close."""
    by_lower = {name.lower(): name for name in known}
    simple = word[:100].lower().replace("_", "").replace(" ", "")
    close = difflib.get_close_matches(simple, by_lower, n=1, cutoff=0.6)
    return f'did you mean "{by_lower[close[0]]}"?' if close else ""


def _problem(
    detail: ErrorDetails,
    fields: Mapping[str, FieldInfo],
    aliases: Mapping[str, str],
    under: Sequence[str],
    whole: str,
) -> Problem:
    kind, context = detail["type"], detail.get("ctx", {})
    name, *inner = detail["loc"] or ("",)
    if detail["type"] != "extra_forbidden":
        name = aliases.get(str(name), name)
    name = str(name)
    path = path_of((*under, name, *inner)) or "the message"
    if kind == "rule":
        # A rule about an absent field has no value to show.
        value = "" if detail["input"] is None else shown(detail["input"])
        return Problem(path, value, context["rule"], context["fix"])
    if kind == "missing":
        return Problem(path, "", _RULES[kind], "" if inner else _example(name, fields))
    if kind == "extra_forbidden" and inner:
        whole = path_of((*under, name, *inner[:-1]))
        return Problem(path, shown(detail["input"]), f"is not a field of {whole}")
    if kind == "extra_forbidden":
        close = did_you_mean(name, fields)
        rule = f"is not a field of {whole}"
        fix = close or f"known fields: {', '.join(fields)}"
        return Problem(path, shown(detail["input"]), rule, fix)
    rule = _RULES.get(kind, "is not valid").format_map(context)
    hint = "" if inner else _hint(kind, name, fields)  # the examples are of the outermost field
    return Problem(path, shown(detail["input"]), rule.replace("'", ""), hint)


def _hint(kind: str, name: str, fields: Mapping[str, FieldInfo]) -> str:
    return _example(name, fields) if kind.endswith("_type") else ""


def _example(name: str, fields: Mapping[str, FieldInfo]) -> str:
    examples: list[Any] | None = fields[name].examples if name in fields else None
    return f"for example {_shown_example(examples[0])}" if examples else ""


def _shown_example(example: Any) -> str:
    return "{…}" if isinstance(example, dict) else shown(example)
