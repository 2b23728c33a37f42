"""The last rules of drop folders that were good, and what is wrong with them now; of all workers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRules:
    """The text of a rules file that could be used, and where it came from."""

    source: str
    text: str
    etag: str = ""
    """Of the object; "" where it was kept by a release that did not say."""
    version_id: str | None = None
    since: datetime | None = None
    """When a worker first went by it; None as `etag`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRules:
    """A rules file as it stands and cannot be used."""

    source: str
    etag: str | None
    """Of the object; None: there is none."""
    version_id: str | None
    since: datetime
    """When a worker first found that the file is broken, in whichever version."""
    problems: tuple[str, ...]
    """What is wrong, each with its line if it has one."""


class RulesShelf(Protocol):
    """The last rules that were good, and whether the file is any good now; shared by all workers."""

    def keep(self, rules: KeptRules) -> None:
        """Replace what is kept."""

    def read(self) -> KeptRules | None:
        """What is kept, or None."""

    def tell(self, broken: BrokenRules | None) -> None:
        """Say that the file is broken; None: that it is not, or not any more."""

    def broken(self) -> BrokenRules | None:
        """What was said last (eventually consistent)."""
