"""The rules of the drop folder's demo, for the buckets that this run has."""

from __future__ import annotations

from pathlib import Path
from string import Template

from worker.drops.rules import RuleSet, load_rules

PREFIX = "inbox/"
"""Of the keys that the local folder stands for."""

POSE_KEY = "poses/standing.png"
"""Where the rules have the pose of their model."""

_TEXT = Path(__file__).with_name("rules.yaml")


def rules_text(*, catalog: str, shop: str) -> str:
    """The rules file. `catalog` is the input bucket, `shop` the output bucket."""
    template = Template(_TEXT.read_text(encoding="utf-8"))
    return template.substitute(catalog=catalog, shop=shop)


def read_rules(text: str, *, catalog: str, shop: str) -> RuleSet:
    """The rules as the worker reads them."""
    return load_rules(text, input_buckets=frozenset({catalog}), output_buckets=frozenset({shop}))
