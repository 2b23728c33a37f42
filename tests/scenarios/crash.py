"""Kills a worker just before or just after its n-th outside call.

    call 1      call 2      call 3 …
    ▲     ▲     ▲     ▲
    before after …              one `Killer` is armed for exactly one of these points

`Killed` is no Exception: like a SIGKILL, nothing in the worker can catch it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

When = Literal["before", "after"]


class Killed(BaseException):
    """The process is gone."""


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
        answer = call()
        if mine:
            raise Killed(f"after {name}")
        return answer


class Watched:
    """A port whose every method call goes through the killer."""

    def __init__(self, port: Any, name: str, killer: Killer) -> None:
        self._port = port
        self._name = name
        self._killer = killer

    def __getattr__(self, method: str) -> Any:
        inner = getattr(self._port, method)

        @wraps(inner)
        def call(*args: Any, **kwargs: Any) -> Any:
            def make() -> Any:
                answer = inner(*args, **kwargs)
                # A lazy list is read here: its pages are part of the call.
                return list(answer) if method == "runs_since" else answer

            return self._killer.around(f"{self._name}.{method}", make)

        return call
