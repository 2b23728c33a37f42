"""A value over time: what it was at a moment, for reads that lag behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(slots=True)
class History(Generic[Value]):
    """What a value was set to, and when (seconds since the run began)."""

    _set: list[tuple[float, Value]] = field(default_factory=list)

    def add(self, at_s: float, value: Value) -> None:
        """It is this from now on."""
        self._set.append((at_s, value))

    def at(self, moment_s: float) -> Value | None:
        """What it was then; None before it was anything."""
        return next((value for at_s, value in reversed(self._set) if at_s <= moment_s), None)
