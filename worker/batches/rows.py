"""A row becomes a request document: the template filled, the row's own fields set over it.

    column or list   sku              fills {sku}
                     output           a field of the request
                     input.prompt     a field of its input, metadata or outputOptions
    in a matrix      imageId          a field of the input, and {imageId}
    in JSON          {"sku": …,       fills {sku}, if the template asks for it
                      "input": {…}}   is laid over the template

All texts of a spreadsheet are texts: where the workflow's input is a number or true/false, they are
read as such. What cannot be is left to the checks of a request, which say so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

from pydantic import BaseModel

from worker.batches.source_row import MAX_REASON_CHARACTERS, MAX_ROW_BYTES, SourceRow
from worker.batches.template import OWN_NAMES, RowError, fill, names_in
from worker.contracts.filling import composed, merged
from worker.contracts.plain_words import did_you_mean
from worker.contracts.request import Request
from worker.contracts.text import shorten, shown, shown_key
from worker.contracts.workflows import WORKFLOWS
from worker.errors import InvalidRequestError, ManifestError, RequestError
from worker.jobs.job import JsonObject, Step
from worker.jobs.plan import plan_steps

_GROUPS: Final = ("input", "metadata", "outputOptions")
"""Fields of a request that have fields of their own."""

_OWN_FIELDS: Final = ("requestId", "origin")
"""What only the batch itself may say."""

FIELDS: Final = frozenset(field.alias or name for name, field in Request.model_fields.items()) | {
    "preset",
    "outputOptions",
    "variants",
}
"""The fields of a request message, those included that are resolved before it is parsed."""

_NAME: Final = re.compile(r"\{([^{}]+)\}")

_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")

_TRUE_OR_FALSE: Final = {
    "true": True,
    "yes": True,
    "1": True,
    "false": False,
    "no": False,
    "0": False,
}

CheckRequest = Callable[[str], Request]
"""Parses the body of a request message. Raises RequestError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRequest:
    """A row as the request message that it is; or `problem`, why it is none, and no `body`."""

    row: int
    line: int
    body: str = ""
    pipelines: int = 0
    """So many runs are paid for it, by itself."""
    preparations: tuple[bytes, ...] = ()
    """Those of them that other rows may do without, by what is prepared: equal ones are paid once."""
    problem: str | None = None
    problems: tuple[str, ...] = ()
    """All that is wrong, one by one, where that is known; `problem` is all of it, shortened."""


def preparation_digest(step: Step) -> bytes:
    """What a step prepares, told from all others: 16 bytes. The same photo is known by its URI."""
    uris = [[list(one.path), one.image_uri] for one in step.bindings]
    text = json.dumps([step.name, step.input, uris], sort_keys=True)
    return hashlib.sha256(text.encode()).digest()[:16]


def row_request_id(batch_id: str, row: int) -> str:
    """The requestId of a row, the same however often the row is read."""
    return f"{batch_id}.{row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMaker:
    """Makes requests of the rows of one batch."""

    batch_id: str
    template: JsonObject
    expires_at: str | None = None
    """For requests that say nothing of their own (RFC 3339)."""
    tenant: str | None = None
    """Whose all rows are, whatever they say: who writes lists for one may not act for another."""
    is_matrix: bool = False
    reuses: bool = False
    """Whether workers use what is prepared already (WORKER_REUSE)."""
    shares_poses: bool = False
    """Whether they plan `full-naomi` as `naomi` for that (WORKER_SHARE_POSES)."""
    asked: frozenset[str] = field(init=False)
    """Keys of a JSON row that fill the template instead of being laid over it."""
    names: frozenset[str] = field(init=False)
    """Those that the template asks its rows for."""
    _uses: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """How many times each name stands in the template."""

    def __post_init__(self) -> None:
        text = json.dumps(self.template, ensure_ascii=False)
        object.__setattr__(self, "_uses", Counter(_NAME.findall(text)))
        object.__setattr__(self, "names", names_in(self.template))
        asked = (self.names | names_in(self.template, for_later=True)) - FIELDS
        object.__setattr__(self, "asked", asked)

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise ManifestError when the columns cannot make a request of any row."""
        known = tuple(columns)
        for name in known:
            if problem := self._problem_of(name):
                raise ManifestError(f'the column "{shown_key(name)}" {problem}')
        missing = sorted(self.names - {*known, *OWN_NAMES})
        if missing:
            close = did_you_mean(missing[0], known)
            raise ManifestError(
                f"the template asks for {', '.join(f'{{{shown_key(one)}}}' for one in missing)}, "
                f"which no column is called ({close or ', '.join(map(shown_key, known))})"
            )

    def request_of(self, source: SourceRow, check: CheckRequest) -> RowRequest:
        """The request that a row is. A bad one says why; it never raises for what is in a row."""
        found = RowRequest(row=source.row, line=source.line)
        if source.problem is not None:
            return replace(found, problem=source.problem)
        try:
            # In ASCII: SQS refuses some characters that JSON may hold, and escapes them all the same.
            body = json.dumps(self.document_of(source))
            request = check(body)
        except RowError as error:
            return replace(found, problem=shorten(str(error), MAX_REASON_CHARACTERS))
        except RequestError as error:
            each = error.problems if isinstance(error, InvalidRequestError) else ()
            problems = tuple(shorten(str(one), MAX_REASON_CHARACTERS) for one in each)
            problem = shorten(error.message, MAX_REASON_CHARACTERS)
            return replace(found, problem=problem, problems=problems)
        steps = plan_steps(request, shares_poses=self.shares_poses)
        shared = tuple(preparation_digest(step) for step in steps[:-1] if step.variant is None)
        return replace(
            found,
            body=body,
            pipelines=len(steps),
            preparations=shared if self.reuses else (),
        )

    def document_of(self, source: SourceRow) -> JsonObject:
        """The request document of a row. Raises RowError."""
        patch = dict(source.patch)
        asked = [name for name in patch if composed(name) in self.asked]
        values = {composed(name): patch.pop(name) for name in asked}
        values.update(source.values)
        given = {**values, "row": source.row, "batchId": self.batch_id}
        self._check_size(given)
        filled = fill(self.template, given)
        if any(isinstance(value, dict | list) for value in given.values()):
            # Each place gets a value of its own: fields that are set in one are not set in another.
            filled = json.loads(json.dumps(filled))
        document: JsonObject = merged(filled, patch)
        self._set_fields(document, source.values)
        for name in _OWN_FIELDS:
            if name in document:
                raise RowError(
                    f"{name}: {shown(document[name])}: rows have it from their batch: leave it out"
                )
        if source.values:
            _read_texts(document)
        if self.expires_at is not None:
            document.setdefault("expiresAt", self.expires_at)
        if self.tenant is not None and isinstance(document.setdefault("metadata", {}), dict):
            document["metadata"]["tenant"] = self.tenant
        document["requestId"] = row_request_id(self.batch_id, source.row)
        document["origin"] = {"batch": {"id": self.batch_id, "row": source.row}}
        return document

    def _check_size(self, given: Mapping[str, Any]) -> None:
        """Raise RowError before values are filled in that would make far more than a request."""
        size = sum(
            self._uses[name] * len(value if isinstance(value, str) else json.dumps(value))
            for name, value in given.items()
            if name in self._uses
        )
        if size > 2 * MAX_ROW_BYTES:
            raise RowError(
                f"its values would fill {size:,} characters of the template, a request has at most "
                f"{MAX_ROW_BYTES:,} bytes: shorten them, or name them less often"
            )

    def _set_fields(self, document: JsonObject, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            path = self._path_of(name)
            if path is None or value is None or value == "":
                continue
            target = document
            for part in path[:-1]:
                inner = target.setdefault(part, {})
                if not isinstance(inner, dict):
                    raise RowError(f"{shown_key(name)}: {part} of the template is no object")
                target = inner
            target[path[-1]] = value

    def _path_of(self, name: str) -> tuple[str, ...] | None:
        """The place in the request that a column or list sets, if it sets one."""
        head, dot, rest = name.partition(".")
        if dot and head in _GROUPS and rest:
            return (head, rest)
        if name in FIELDS:
            return (name,)
        return ("input", name) if self.is_matrix else None

    def _problem_of(self, name: str) -> str | None:
        head, dot, rest = name.partition(".")
        if name in _OWN_FIELDS:
            return "is what a batch gives its rows: name it otherwise"
        if name in _GROUPS:
            return f"would be a whole object: name one field of it, such as {name}.label"
        if name in self.names or not dot:
            return None
        if head not in _GROUPS:
            # "Art. No." is what people call a column; "inputs.prompt" is a slip.
            close = did_you_mean(head, _GROUPS)
            return f"is no field of a request ({close})" if close else None
        return None if rest else "names no field behind its dot"


def _read_texts(document: JsonObject) -> None:
    """Numbers and truths that a spreadsheet wrote as text, where the request wants such."""
    _read_fields(document, Request)
    workflow = document.get("workflow")
    spec = WORKFLOWS.get(workflow) if isinstance(workflow, str) else None
    given = document.get("input")
    if spec is not None and isinstance(given, dict):
        _read_fields(given, spec.input_model)


def _read_fields(values: JsonObject, model: type[BaseModel]) -> None:
    for name, kind in _KINDS[model].items():
        text = values.get(name)
        if not isinstance(text, str):
            continue
        if kind is bool and text.lower() in _TRUE_OR_FALSE:
            values[name] = _TRUE_OR_FALSE[text.lower()]
        elif kind is int and _WHOLE_NUMBER.fullmatch(text):
            values[name] = int(text)


def _kinds(model: type[BaseModel]) -> Mapping[str, type]:
    kinds: dict[str, type] = {}
    for name, one in model.model_fields.items():
        for kind in (bool, int):
            if one.annotation is kind or kind in get_args(one.annotation):
                kinds[one.alias or name] = kind
    return kinds


_MODELS: tuple[type[BaseModel], ...] = (Request, *(spec.input_model for spec in WORKFLOWS.values()))
_KINDS: Final[Mapping[type[BaseModel], Mapping[str, type]]] = {
    model: _kinds(model) for model in _MODELS
}
