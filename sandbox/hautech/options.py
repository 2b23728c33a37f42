"""How the stand-in behaves: every switch with its default, read from and written to JSON.

The JSON keys are the camelCase form of the field names. Unknown keys and wrong values are
refused by name, so that a test with a misspelt switch does not pass for the wrong reason.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from sandbox.hautech.catalog import WORKFLOW_NAMES, Workflow

Seconds = tuple[float, float]
"""Least and most seconds; equal for a fixed time."""

RUN_ROUTES = ("docs", "sdk")
OUTPUT_SHAPES = (
    "object", "string", "kind", "kindMultiple", "json", "imageUrl", "images", "list", "echo",
    "empty", "null",
)  # fmt: skip
PREPARED_SHAPES = ("object", "string", "data", "empty", "null")


@dataclass(frozen=True, slots=True)
class Options:
    """Switches of the stand-in; times in seconds, money in credits.

    Attributes:
        duration_s: how long pipelines stay pending, by workflow name or id; `default` for the
            rest. Zero: the first status read already says completed.
        seed: of the dice that draw durations from a range.
        stuck_pending: new pipelines never end.
        status_word: word for "still running": `pending`, or `in_progress` to test tolerance.
        status_route: off: `/v1/pipelines/{id}/status` is an unknown route.
        run_routes: which of the two run routes exist: `docs` (`/v1/workflows/run/{id}`), `sdk`
            (`/v1/workflows/{id}/run`).
        public_runs: the workflows can also be run as public ones, answered by an operation.
        workflows: further workflows, id -> output document of a completed run.
        input_faults: `async`: bad input gives a failed pipeline; `sync`: 400 at once.
        output_shape: shape of the output of the two workflows that make a picture.
        prepared_shape: shape of the output of the two prepare workflows.
        drop_metadata: pipelines forget the metadata of their run.
        list_lag_s: a new pipeline shows up in lists only after this time.
        null_optional_keys: absent optional keys are sent as null instead.
        allow_missing_kind: tokens without the `kind` claim are accepted.
        link_life_s: life of an image link.
        upload_url_life_s: life of an upload URL.
        balance: credits at the start.
        price: credits per run, by workflow name or id; the rest cost the catalogue's price.
        refuse_when_broke: runs at a balance of zero or less are refused with 402.
        drawing: `compose`: real pictures; `flat`: one colour, for benches.
        flat_pad_bytes: flat pictures are padded to about this size.
        upload_limit_bytes: larger files are refused with 413.
    """

    duration_s: Mapping[str, Seconds] = field(
        default_factory=lambda: MappingProxyType({"default": (1.0, 1.0)})
    )
    seed: int = 0
    stuck_pending: bool = False
    status_word: str = "pending"
    status_route: bool = True
    run_routes: tuple[str, ...] = RUN_ROUTES
    public_runs: bool = False
    workflows: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    input_faults: str = "async"
    output_shape: str = "object"
    prepared_shape: str = "object"
    drop_metadata: bool = False
    list_lag_s: float = 0.0
    null_optional_keys: bool = False
    allow_missing_kind: bool = False
    link_life_s: float = 60.0
    upload_url_life_s: float = 300.0
    balance: Decimal = Decimal(100)
    price: Mapping[str, Decimal] = field(default_factory=lambda: MappingProxyType({}))
    refuse_when_broke: bool = False
    drawing: str = "compose"
    flat_pad_bytes: int = 0
    upload_limit_bytes: int = 32 * 1024 * 1024

    def changed(self, document: Mapping[str, Any]) -> Options:
        """These options with the JSON keys of `document` replaced.

        Raises:
            ValueError: a key is unknown or a value does not fit; names key, value and rule.
        """
        changes: dict[str, Any] = {}
        for key, value in document.items():
            reader = _READERS.get(key)
            if reader is None:
                known = ", ".join(sorted(_READERS))
                raise ValueError(f"options.{key}: unknown; known are {known}")
            name, read = reader
            try:
                changes[name] = read(value)
            except (ValueError, TypeError, InvalidOperation) as error:
                raise ValueError(f"options.{key}: {value!r}: {error}") from error
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """All options as a JSON document that `changed` reads back to the same options."""
        return {key: _plain(getattr(self, name)) for key, (name, _) in _READERS.items()}

    def duration_range_s(self, workflow: Workflow) -> Seconds:
        """Least and most seconds that a run of the workflow takes."""
        for key in (workflow.name, workflow.id, "default"):
            if key in self.duration_s:
                return self.duration_s[key]
        return 1.0, 1.0

    def price_of(self, workflow: Workflow) -> Decimal:
        """Credits that a run of the workflow costs."""
        for key in (workflow.name, workflow.id):
            if key in self.price:
                return self.price[key]
        return workflow.price


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def _non_negative(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise TypeError("must be a number, 0 or more")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("must be a whole number, 0 or more")
    return value


def _credits(value: Any) -> Decimal:
    if not isinstance(value, (str, Decimal)):
        raise TypeError('must be a decimal string such as "12.5"')
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError("must be finite")
    return amount


def _range_s(value: Any) -> Seconds:
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise TypeError("must be seconds or [least, most]")
        least, most = _non_negative(value[0]), _non_negative(value[1])
        if least > most:
            raise ValueError("the least must not be above the most")
        return least, most
    fixed = _non_negative(value)
    return fixed, fixed


def _durations(value: Any) -> Mapping[str, Seconds]:
    if not isinstance(value, Mapping):
        return MappingProxyType({"default": _range_s(value)})
    for name in value:
        if name != "default" and name not in WORKFLOW_NAMES:
            _workflow_id(name)
    return MappingProxyType({name: _range_s(item) for name, item in value.items()})


def _prices(value: Any) -> Mapping[str, Decimal]:
    if not isinstance(value, Mapping):
        raise TypeError("must be an object: workflow name -> decimal string")
    for name in value:
        if name not in WORKFLOW_NAMES:
            _workflow_id(name)
    return MappingProxyType({name: _credits(item) for name, item in value.items()})


def _workflow_id(name: str) -> str:
    try:
        return str(uuid.UUID(name))
    except ValueError:
        known = ", ".join(WORKFLOW_NAMES)
        raise ValueError(f"{name!r} is neither a workflow name ({known}) nor a UUID") from None


def _workflows(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("must be an object: workflow UUID -> output of a completed run")
    return MappingProxyType({_workflow_id(name): item for name, item in value.items()})


def _routes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or any(item not in RUN_ROUTES for item in value):
        raise TypeError(f"must be a list of {', '.join(RUN_ROUTES)}")
    return tuple(value)


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return str(value)

    return read


_SPECIAL: dict[str, Callable[[Any], Any]] = {
    "duration_s": _durations,
    "seed": _count,
    "status_word": _one_of("pending", "in_progress"),
    "run_routes": _routes,
    "workflows": _workflows,
    "input_faults": _one_of("async", "sync"),
    "output_shape": _one_of(*OUTPUT_SHAPES),
    "prepared_shape": _one_of(*PREPARED_SHAPES),
    "balance": _credits,
    "price": _prices,
    "drawing": _one_of("compose", "flat"),
    "flat_pad_bytes": _count,
    "upload_limit_bytes": _count,
    "list_lag_s": _non_negative,
    "link_life_s": _non_negative,
    "upload_url_life_s": _non_negative,
}


def _key(name: str) -> str:
    """`list_lag_s` -> `listLagSeconds`: JSON spells the unit out."""
    base = name[: -len("_s")] + "_seconds" if name.endswith("_s") else name
    head, *rest = base.split("_")
    return head + "".join(word.capitalize() for word in rest)


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    _key(item.name): (item.name, _SPECIAL.get(item.name, _flag)) for item in fields(Options)
}
