"""Sidecars: `sku.json` or `sku.yaml` beside a photo, which says what is different for this one.

A sidecar is a part of a request, deep-merged over what the rule gives; null takes a field away.
`fanOut` may stand in it as in a rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.json_text import read_json
from worker.contracts.plain_words import did_you_mean
from worker.contracts.text import shown
from worker.drops.yaml_text import YamlTextError, read_yaml
from worker.errors import MalformedRequestError, Problem

EXTENSIONS: Final = ("json", "yaml", "yml")
"""Of several sidecars of one photo, the first in this order counts."""

MAX_SIDECAR_BYTES: Final = 65_536

_FIELDS: Final = (
    "preset",
    "workflow",
    "input",
    "output",
    "metadata",
    "expiresAt",
    "outputOptions",
    "variants",
    "fanOut",
)
_NOT_ITS_OWN: Final = {
    "requestId": "the id is derived from the photo",
    "origin": "the worker writes it",
}


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar that was read. `key` is where it lies, in the photo's bucket."""

    key: str
    fields: dict[str, Any]


class SidecarError(ValueError):
    """A sidecar that cannot be used; every problem of it, in words for who wrote it.

    `key` is where it lies, in the photo's bucket, once that is known.
    """

    def __init__(self, problems: Sequence[Problem], key: str = "") -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
        self.key = key


def read_sidecar(key: str, text: str | bytes) -> Sidecar:
    """What a sidecar says; what is read as JSON or YAML is told by the name.

    Raises SidecarError.
    """
    name = key.rpartition("/")[2]
    if len(text) > MAX_SIDECAR_BYTES:
        raise SidecarError(
            [Problem(name, f"{len(text):,} bytes", f"at most {MAX_SIDECAR_BYTES:,} are allowed")]
        )
    value = _read(name, text)
    if value is None:
        return Sidecar(key, {})  # an empty file changes nothing
    if not isinstance(value, dict):
        raise SidecarError(
            [Problem(name, shown(value), "must have fields", "such as input: and below it prompt:")]
        )
    problems = [_unknown(name, field, value[field]) for field in value if field not in _FIELDS]
    problems += [
        Problem(f"{name}: {field}", shown(value[field]), "must have fields of its own")
        for field in ("input", "metadata", "outputOptions", "fanOut")
        if not (value.get(field) is None or isinstance(value[field], dict))
    ]
    if problems:
        raise SidecarError(problems)
    return Sidecar(key, value)


def _read(name: str, text: str | bytes) -> Any:
    try:
        if name.lower().endswith(".json"):
            return read_json(text, name) if text.strip() else None
        return read_yaml(text if isinstance(text, str) else text.decode()).value
    except MalformedRequestError as error:
        raise SidecarError([Problem(name, "", error.message)]) from error
    except UnicodeDecodeError as error:
        raise SidecarError([Problem(name, "", "is not UTF-8 text")]) from error
    except YamlTextError as error:
        raise SidecarError(
            [Problem(f"{name}, line {error.line}", "", error.rule, error.fix)]
        ) from error


def _unknown(name: str, field: str, value: Any) -> Problem:
    if field in _NOT_ITS_OWN:
        return Problem(f"{name}: {field}", shown(value), "cannot be set", _NOT_ITS_OWN[field])
    fix = did_you_mean(field, _FIELDS) or f"known fields: {', '.join(_FIELDS)}"
    return Problem(f"{name}: {field}", shown(value), "is not a field of a sidecar", fix)
