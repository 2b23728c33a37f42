"""Fault rules: which calls go wrong, how often, and in which way.

Rules are asked in the order in which they were added. Of those that match a call, every
delay is served and the first other one is played; rules behind it do not see the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

KINDS = (
    "delay", "status", "html", "body", "drop_before", "drop_after", "reset", "truncate",
    "slow_drip", "silence", "stuck", "fail_run",
)  # fmt: skip
_MOMENTS = ("before", "after")
_TRUNCATIONS = ("content-length", "chunked", "close")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One way to misbehave. The JSON keys are the camelCase names; seconds are spelt out.

    Attributes:
        route: name of a route (`pipelines.get`; `workflows.run` covers all run routes; `*` all)
            or `METHOD /path` with `*` wildcards.
        kind: `delay`: wait, then go on. `status`: answer with this status and an error body.
            `html`: the same with an HTML page, as a proxy would. `body`: answer with `body`
            as it stands. `drop_before`, `drop_after`: close the connection without an answer,
            before or after the side effect. `reset`: the same with a TCP reset. `truncate`:
            half of the real answer. `slow_drip`: the real answer in small pieces. `silence`: after the
            side effect nothing for `delay_s`, then the connection is closed. `stuck`,
            `fail_run` (run routes): the pipeline never ends, or ends as failed.
        when: `before` or `after` the side effect, for `status`, `html`, `body` and `reset`.
        times: how many calls it hits; -1: all.
        skip: how many matching calls pass first.
        body_contains: only calls whose body contains this text.
        status: HTTP status of the answer.
        message: its message.
        retry_after: value of the `Retry-After` header.
        headers: further headers of the answer.
        body: text of the answer for `body`.
        content_type: its type.
        delay_s: for `delay` and `silence`.
        truncation: `content-length`: the header announces more than comes; `chunked`: the
            last chunk is missing; `close`: neither, so the cut cannot be seen.
        piece_bytes: size of a piece for `slow_drip`.
        interval_s: pause between pieces.
        error_code: of the pipeline for `fail_run`.
        error_message: the same.
    """

    route: str
    kind: str
    when: str = "before"
    times: int = 1
    skip: int = 0
    body_contains: str | None = None
    status: int = 503
    message: str | None = None
    retry_after: str | int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: str = ""
    content_type: str = "application/json"
    delay_s: float = 1.0
    truncation: str = "content-length"
    piece_bytes: int = 1024
    interval_s: float = 0.5
    error_code: str = "GENERATION_FAILED"
    error_message: str = "The generation failed"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("kind", self.kind, KINDS),
            ("when", self.when, _MOMENTS),
            ("truncation", self.truncation, _TRUNCATIONS),
        ):
            if value not in allowed:
                raise ValueError(f"fault.{name}: {value!r}: must be one of {', '.join(allowed)}")
        if not self.route:
            raise ValueError("fault.route: is empty; name a route or give `METHOD /path`")
        if self.times < -1 or self.skip < 0:
            raise ValueError("fault.times: must be -1 or more, and fault.skip 0 or more")
        if self.piece_bytes < 1 or self.delay_s < 0 or self.interval_s < 0:
            raise ValueError("fault: sizes must be 1 or more and times 0 or more")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FaultRule:
        """Reads a rule.

        Raises:
            ValueError: a key is unknown, missing or has a wrong value; names it.
        """
        unknown = sorted(set(document) - set(_KEYS))
        if unknown:
            known = ", ".join(sorted(_KEYS))
            raise ValueError(f"fault.{unknown[0]}: unknown; known are {known}")
        for key in ("route", "kind"):
            if key not in document:
                raise ValueError(f"fault.{key}: is missing")
        for key, value in document.items():
            _check_type(key, value)
        return cls(**{_KEYS[key]: value for key, value in document.items()})

    def to_json(self) -> dict[str, Any]:
        """The rule as a document that `from_json` reads back."""
        values = {key: getattr(self, name) for key, name in _KEYS.items()}
        return {**values, "headers": dict(self.headers)}

    def match(self, *, route: str | None, method: str, path: str, body: str) -> bool:
        """Whether the rule is about this call."""
        if self.body_contains is not None and self.body_contains not in body:
            return False
        if self.route == "*":
            return True
        if " " in self.route:
            return fnmatchcase(f"{method} {path}", self.route)
        return route is not None and (route == self.route or route.startswith(self.route + "."))


def _key(name: str) -> str:
    base = name[: -len("_s")] + "_seconds" if name.endswith("_s") else name
    head, *rest = base.split("_")
    return head + "".join(word.capitalize() for word in rest)


_KEYS = {_key(item.name): item.name for item in fields(FaultRule)}
_HINTS = get_type_hints(FaultRule)


def _check_type(key: str, value: Any) -> None:
    hint = _HINTS[_KEYS[key]]
    if get_origin(hint) is Mapping:
        allowed: tuple[type, ...] = (dict,)
    elif hint is float:
        allowed = (int, float)
    else:
        allowed = get_args(hint) or (hint,)
    if isinstance(value, bool) or not isinstance(value, allowed):
        names = " or ".join(item.__name__ for item in allowed)
        raise ValueError(f"fault.{key}: {value!r}: must be {names}")  # noqa: TRY004 - a bad document


@dataclass(slots=True)
class _Armed:
    id: str
    rule: FaultRule
    left: int
    to_skip: int
    hits: int = 0


@dataclass(frozen=True, slots=True)
class Mischief:
    """What is to go wrong with one call."""

    delay_s: float = 0.0
    rule: FaultRule | None = None


class FaultBook:
    """The rules in force and how often they have hit."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self._count = 0

    def add(self, rule: FaultRule) -> str:
        """Puts a rule in force and returns its id."""
        self._count += 1
        armed = _Armed(f"fault-{self._count}", rule, rule.times, rule.skip)
        self._armed.append(armed)
        return armed.id

    def clear(self) -> None:
        """Lifts all rules."""
        self._armed.clear()

    @property
    def reads_bodies(self) -> bool:
        """Whether a rule needs to see the bodies of calls."""
        return any(armed.rule.body_contains is not None for armed in self._armed)

    def __bool__(self) -> bool:
        return bool(self._armed)

    def take(self, *, route: str | None, method: str, path: str, body: str = "") -> Mischief:
        """What goes wrong with this call; uses the rules up."""
        delay_s = 0.0
        for armed in self._armed:
            if armed.left == 0:
                continue
            if not armed.rule.match(route=route, method=method, path=path, body=body):
                continue
            if armed.to_skip > 0:
                armed.to_skip -= 1
                continue
            armed.left -= 1 if armed.left > 0 else 0
            armed.hits += 1
            if armed.rule.kind != "delay":
                return Mischief(delay_s, armed.rule)
            delay_s += armed.rule.delay_s
        return Mischief(delay_s)

    def to_json(self) -> list[dict[str, Any]]:
        """All rules with what is left of them."""
        return list(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for armed in self._armed:
            yield {
                "id": armed.id,
                "rule": armed.rule.to_json(),
                "left": armed.left,
                "hits": armed.hits,
            }
