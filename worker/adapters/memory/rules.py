"""The last good rules in memory."""

from __future__ import annotations

from worker.ports.rules import BrokenRules, KeptRules


class MemoryRulesShelf:
    """The RulesShelf port in memory. `kept` and `told` are what lies there."""

    def __init__(self) -> None:
        self.kept: KeptRules | None = None
        self.told: BrokenRules | None = None

    def keep(self, rules: KeptRules) -> None:
        """See `RulesShelf.keep`."""
        self.kept = rules

    def read(self) -> KeptRules | None:
        """See `RulesShelf.read`."""
        return self.kept

    def tell(self, broken: BrokenRules | None) -> None:
        """See `RulesShelf.tell`."""
        self.told = broken

    def broken(self) -> BrokenRules | None:
        """See `RulesShelf.broken`."""
        return self.told
