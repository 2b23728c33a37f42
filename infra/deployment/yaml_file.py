"""Templates and serverless.yml as plain values; CloudFormation's short forms are left out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

ROOT: Final = Path(__file__).resolve().parents[2]


class _Constructor(SafeConstructor):
    """Reads `!Ref X` and its like as None: whoever reads here wants names, defaults and limits."""


_Constructor.add_multi_constructor("!", lambda *_: None)


@cache
def read_yaml(name: str) -> Mapping[str, Any]:
    """A file of the repository, by its path there."""
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _Constructor
    document: Mapping[str, Any] = reader.load(ROOT / name)
    return document
