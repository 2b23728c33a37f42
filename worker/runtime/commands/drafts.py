"""Requests as they are handed to `submit`, before anything is checked: from options or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from worker.contracts.fields import rfc3339
from worker.contracts.text import shown_key
from worker.errors import Problem
from worker.runtime.commands.wording import count

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LIFE = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smhd])")

POSE_FIELD: Final = "poseImageId"
POSE_FIELDS: Final[Mapping[str, str]] = {"naomi": "poseId"}
"""The input that takes the pose, where it is not `poseImageId`."""

FLAGS: Final[Mapping[str, str]] = {
    "preset": "--preset",
    "workflow": "--workflow",
    "requestId": "--request-id",
    "output": "--output",
    "metadata": "--metadata",
    "expiresAt": "--expires-in",
    "input.imageId": "--image",
    "input.poseImageId": "--pose",
    "input.poseId": "--pose",
    "input.aspectRatio": "--aspect-ratio",
    "input.prompt": "--prompt",
    "input.label": "--label",
    "input.seed": "--seed",
    "input.isHuman": "--is-human",
    "input.enhancePrompt": "--enhance-prompt",
}
"""Which option makes which field of a request."""

_INPUTS: Final = {
    field.removeprefix("input."): flag for field, flag in FLAGS.items() if "." in field
}
_KNOWN, _NOT_OURS = "known fields: ", "is not a field of input"
# The other names are words that a sentence may have, too: label, prompt, seed.
_INPUT_NAME = re.compile(rf"\b({'|'.join(name for name in _INPUTS if name != name.lower())})\b")


@dataclass(frozen=True, slots=True)
class Draft:
    """One request to be. `label` tells it from the others of its file (`line 3`), or is ""."""

    label: str
    document: dict[str, Any]
    folder: Path
    """What relative paths in it are relative to."""
    asks_preset: bool = False
    """Whether its pose is for whichever field the workflow of its preset has for it."""


class DraftError(ValueError):
    """The text holds no requests; says why and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was given on the command line for one request; None is not given."""

    preset: str | None = None
    workflow: str | None = None
    image: str | None = None
    pose: str | None = None
    aspect_ratio: str | None = None
    prompt: str | None = None
    label: str | None = None
    seed: int | None = None
    is_human: bool | None = None
    enhance_prompt: bool | None = None
    request_id: str | None = None
    metadata: Mapping[str, str] | None = None
    expires_in: timedelta | None = None

    def given(self) -> list[str]:
        """The names of the options that were given."""
        return [name for name in self.__slots__ if getattr(self, name) is not None]


def from_options(options: Options, *, now: datetime) -> Draft:
    """The request that the options describe."""
    # A preset says it, unless the options do.
    workflow = options.workflow or ("full-naomi" if options.preset is None else None)
    pose_field = POSE_FIELDS.get(workflow or "", POSE_FIELD)
    inputs = {
        pose_field: options.pose,
        "imageId": options.image,
        "aspectRatio": options.aspect_ratio,
        "prompt": options.prompt,
        "label": options.label,
        "isHuman": options.is_human,
        "enhancePrompt": options.enhance_prompt,
        "seed": options.seed,
    }
    document = {
        "requestId": options.request_id,
        "preset": options.preset,
        "workflow": workflow,
        "input": _present(inputs),
        "metadata": dict(options.metadata) if options.metadata else None,
        "expiresAt": rfc3339(now + options.expires_in) if options.expires_in else None,
    }
    return Draft("", _present(document), Path.cwd(), asks_preset=workflow is None)


def from_text(text: str, folder: Path) -> list[Draft]:
    """The requests in a JSON object, a JSON array of objects, or JSON Lines.

    Raises DraftError for anything else.
    """
    if not text.strip():
        raise DraftError("there is nothing in it; a request is a JSON object")
    try:
        documents = _read(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
            place = f"line {error.lineno}, column {error.colno}"
            raise DraftError(f"not JSON: {error.msg} at {place}") from error
        return _from_lines(text, folder)
    if isinstance(documents, dict):
        return [Draft("", documents, folder)]
    if not isinstance(documents, list) or not documents:
        raise DraftError("it holds no request: a JSON object, or an array or lines of them")
    return [
        Draft(f"request {number}", _object(document, f"request {number}"), folder)
        for number, document in enumerate(documents, start=1)
    ]


def parse_life(text: str) -> timedelta:
    """`90s`, `30m`, `1h`, `2d` as a time span; raises ValueError with the rule."""
    match = _LIFE.fullmatch(text.strip())
    if match is None or not int(match["number"]):
        raise ValueError("must be a number and a unit of s, m, h or d, such as 30m or 1h")
    return timedelta(seconds=int(match["number"]) * _UNITS[match["unit"]])


def parse_metadata(pairs: Sequence[str]) -> dict[str, str]:
    """`sku=1042` pairs; raises ValueError naming the one that is wrong."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ValueError(f'"{pair}" must be NAME=VALUE, such as sku=1042')
        if name in found:
            raise ValueError(f'"{name}" is given twice; keep one')
        found[name] = value
    return found


def as_flag(problem: Problem) -> Problem:
    """The problem in the words of the options: under the name of the one that makes the field."""
    flag = FLAGS.get(problem.field)
    if flag is None:
        return problem
    name = f"{flag} ({problem.field})" if "." in problem.field else flag
    return Problem(name, problem.value, _with_flags(problem.rule), _with_flags(problem.fix))


def _with_flags(text: str) -> str:
    if text.startswith(_KNOWN):
        flags = [_INPUTS.get(name, name) for name in text.removeprefix(_KNOWN).split(", ")]
        return f"it takes {', '.join(flags)}"
    if text == _NOT_OURS:
        return "this workflow does not take it"
    return _INPUT_NAME.sub(lambda found: _INPUTS[found[1]], text)


def _from_lines(text: str, folder: Path) -> list[Draft]:
    drafts = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = _read(line)
        except json.JSONDecodeError as error:
            place = f"line {number}, column {error.colno}"
            raise DraftError(f"not JSON: {error.msg} at {place}") from error
        drafts.append(Draft(f"line {number}", _object(document, f"line {number}"), folder))
    return drafts


def _read(text: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_unambiguous)
    except RecursionError as error:
        raise DraftError("it is nested too deeply to be a request") from error


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        times = count(names.count(twice), "time")
        raise DraftError(f'the key "{shown_key(twice)}" stands {times} in one object; keep one')
    return found


def _object(document: Any, label: str) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise DraftError(f"{label} is not a JSON object, and a request is one")
    return document


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
