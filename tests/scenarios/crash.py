"""Kills a worker just before or just after its n-th outside call.

    call 1      call 2      call 3 …
    ▲     ▲     ▲     ▲
    before after …              one `Killer` is armed for exactly one of these points

`Killed` is no Exception: like a SIGKILL, nothing in the worker can catch it. What survives a kill
is the world and nothing else, so `freeze` makes of it one value: a crash that can be looked at
again, continued several times, and compared with others.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from threading import Lock
from typing import Any, Literal, Protocol

When = Literal["before", "after"]

_LAZY = frozenset({"runs_since", "unchanged_since"})


class Killed(BaseException):
    """The process is gone."""


class Watch(Protocol):
    """Whoever wants to be there when a worker calls out."""

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call, or let something else happen."""


@dataclass
class Killer:
    """Counts outside calls and kills at one of them; disarmed (`at` None) it only counts."""

    at: int | None = None
    when: When = "before"
    calls: list[str] = field(default_factory=list)

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call, or die just before it or just after it."""
        self.calls.append(name)
        mine = self.at == len(self.calls)
        if mine and self.when == "before":
            raise Killed(f"before {name}")
        try:
            answer = call()
        except Exception as error:
            if mine:
                raise Killed(f"after {name} failed") from error
            raise
        if mine:
            raise Killed(f"after {name}")
        return answer


@dataclass
class Camera:
    """Takes a picture of the world just before and just after every outside call.

    `shots` has each different picture once, with the first point that it was taken at. Right after
    a call and right before the next one the world is the same: a worker changes it by calls only.
    """

    take: Callable[[], bytes]
    shots: dict[bytes, str] = field(default_factory=dict)
    points: int = 0

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Make one outside call between two pictures."""
        number = self.points // 2 + 1
        self._shoot(f"before {number} {name}")
        try:
            return call()
        finally:
            self._shoot(f"after {number} {name}")

    def _shoot(self, point: str) -> None:
        self.shots.setdefault(self.take(), point)
        self.points += 1


class Watched:
    """A port whose every method call goes through whoever watches."""

    def __init__(self, port: Any, name: str, watch: Watch) -> None:
        self._port = port
        self._name = name
        self._watch = watch

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._port, method)

        @wraps(inner)
        def call(*args: Any, **kwargs: Any) -> Any:
            def make() -> Any:
                answer = inner(*args, **kwargs)
                # A lazy list is read here: its pages are part of the call.
                return list(answer) if method in _LAZY else answer

            return self._watch.around(f"{self._name}.{method}", make)

        return call


class _Freezer(pickle.Pickler):
    """A lock that nobody holds comes back as a new one."""

    dispatch_table = {type(Lock()): lambda _lock: (Lock, ())}  # noqa: RUF012 -- as pickle reads it


def freeze(world: Any) -> bytes:
    """The world as one value. Equal values are the same world; nobody may be inside a call."""
    ice = io.BytesIO()
    _Freezer(ice).dump(world)
    return ice.getvalue()


def thaw(ice: bytes) -> Any:
    """The world again, as often as it is wanted."""
    return pickle.loads(ice)  # noqa: S301 -- only what `freeze` gave
