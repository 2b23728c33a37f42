"""How much people may write in one file of rules, or beside one photo."""

from __future__ import annotations

from typing import Final

MAX_YAML_BYTES: Final = 262_144
