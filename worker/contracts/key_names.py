"""The names that `outputOptions.key` may use, and what they stand for in one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from worker.contracts.filling import NAME_PATTERN

KEY_NAMES: Final = ("requestId", "n", "ext", "workflow", "seed")
"""Those that every request gives, `seed` only with a seed; metadata cannot give them another meaning."""

_NAME: Final = re.compile(NAME_PATTERN)


def known_names(document: Mapping[str, Any], *, n: int = 1, ext: str = "png") -> dict[str, str]:
    """What each name stands for, for picture `n` (from 1) with that extension.

    Takes a request as JSON, also one that is not checked yet: what is malformed gives no name.
    """
    metadata, given = document.get("metadata"), document.get("input")
    names = {
        name: value
        for name, value in (metadata if isinstance(metadata, dict) else {}).items()
        if isinstance(value, str) and _NAME.fullmatch(name) and name not in KEY_NAMES
    }
    for name in ("requestId", "workflow"):
        if isinstance(document.get(name), str):
            names[name] = document[name]
    seed = given.get("seed") if isinstance(given, dict) else None
    if isinstance(seed, int) and not isinstance(seed, bool):
        names["seed"] = str(seed)
    return {**names, "n": str(n), "ext": ext}
