"""The last rules of drop folders that were good, shared by all workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRules:
    """The text of a rules file that could be used, and where it came from."""

    source: str
    text: str


class RulesShelf(Protocol):
    """The last rules that were good, shared by all workers."""

    def keep(self, rules: KeptRules) -> None:
        """Replace what is kept."""

    def read(self) -> KeptRules | None:
        """What is kept, or None."""
