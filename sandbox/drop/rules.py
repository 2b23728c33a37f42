"""The rules of the drop folder's demo: a file beside the inbox, which a person may edit.

It calls the buckets `catalog` and `shop`, as the documentation does; those of a run have other names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from worker.drops.rules import RuleSet, load_rules
from worker.errors import Problem, RulesError, RulesProblem

PREFIX = "inbox/"
"""Of the keys that the local folder stands for."""

POSE_KEY = "poses/standing.png"
"""Where the rules have the pose of their model."""

CATALOG: Final = "catalog"
SHOP: Final = "shop"

_TEXT = Path(__file__).with_name("rules.yaml")
_IN_URI = re.compile(rf"\bs3://({CATALOG}|{SHOP})(?![a-z0-9.-])")
_IN_BUCKET = re.compile(
    rf"^([ \t-]*bucket:[ \t]*[\"']?)({CATALOG}|{SHOP})(?![a-z0-9.-])", re.MULTILINE
)


def own_rules() -> str:
    """The rules that the demo brings along."""
    return _TEXT.read_text(encoding="utf-8")


def check_rules(text: str, source: str) -> None:
    """Raises RulesError, in the words of the file, if the worker could not use it."""
    load_rules(
        text,
        input_buckets=frozenset({CATALOG}),
        output_buckets=frozenset({SHOP}),
        source=source,
    )


def with_buckets(text: str, *, catalog: str, shop: str) -> str:
    """The same rules for the buckets of a run."""
    names = {CATALOG: catalog, SHOP: shop}
    text = _IN_URI.sub(lambda found: f"s3://{names[found[1]]}", text)
    return _IN_BUCKET.sub(lambda found: found[1] + names[found[2]], text)


def read_rules(text: str, *, catalog: str, shop: str) -> RuleSet:
    """The rules as the worker reads them. Raises RulesError."""
    return load_rules(text, input_buckets=frozenset({catalog}), output_buckets=frozenset({shop}))


class RulesFile:
    """The file of rules in the demo's folder; the demo's own are put there if there is none.

    Raises RulesError from `read` and `news` when no worker could use what it says, OSError when it
    cannot be read or written.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._seen: bytes | None = None

    def read(self) -> str:
        """The rules at the start."""
        if not self._place.exists():
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._place.write_text(own_rules(), encoding="utf-8")
        return self._checked(self._place.read_bytes())

    def news(self) -> str | None:
        """The rules if they are others than the last time; None if not, or if the file is gone."""
        try:
            data = self._place.read_bytes()
        except FileNotFoundError:  # an editor replaces it, or somebody tries without
            return None
        return None if data == self._seen else self._checked(data)

    def _checked(self, data: bytes) -> str:
        self._seen = data
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            problem = RulesProblem(1, "", Problem("the file", "", "is not UTF-8 text"))
            raise RulesError([problem], source=str(self._place)) from error
        check_rules(text, str(self._place))
        return text
