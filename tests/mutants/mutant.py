"""A guard taken out of the code: a named edit of one place, which has to be there exactly once."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path


class MutantRottenError(Exception):
    """The code has moved on: the mutant's text is gone, or stands there more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One way in which a guard can be missing, and the tests that are to notice."""

    guard: str
    """Which of the service's guards it takes out."""
    name: str
    """What the service does without it."""
    path: str
    """The file, from the root of the repository."""
    old: str
    new: str
    tests: tuple[str, ...]
    """Files or test ids for pytest, the quickest that are meant to see it."""

    def __str__(self) -> str:
        return f"{self.guard}: {self.name}"

    def mutate(self, source: str) -> str:
        """The source without the guard. Raises MutantRottenError."""
        count = source.count(self.old)
        if count != 1:
            raise MutantRottenError(
                f"{self}: {self.path} has its text {count} times, not once:\n{self.old}"
            )
        mutated = source.replace(self.old, self.new)
        ast.parse(mutated, self.path)
        return mutated

    def apply(self, root: Path) -> None:
        """Takes the guard out of the copy of the repository at `root`."""
        place = root / self.path
        place.write_text(self.mutate(place.read_text(encoding="utf-8")), encoding="utf-8")
