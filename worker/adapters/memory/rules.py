"""The last good rules in memory."""

from __future__ import annotations

from worker.ports.rules import KeptRules


class MemoryRulesShelf:
    """The RulesShelf port in memory. `kept` is what lies there."""

    def __init__(self) -> None:
        self.kept: KeptRules | None = None

    def keep(self, rules: KeptRules) -> None:
        """See `RulesShelf.keep`."""
        self.kept = rules

    def read(self) -> KeptRules | None:
        """See `RulesShelf.read`."""
        return self.kept
