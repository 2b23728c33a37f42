"""The names that `outputOptions.key` may use, and what they stand for in one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from worker.contracts.filling import composed
from worker.contracts.inputs import MAX_SEED
from worker.contracts.variants import is_list_of_seeds

KEY_NAMES: Final = ("requestId", "n", "ext", "workflow", "seed")
"""Those that every request gives, `seed` only with a seed; metadata cannot give them another meaning."""


def known_names(
    document: Mapping[str, Any], *, n: int = 1, ext: str = "png", seed: int | None = None
) -> dict[str, str]:
    """What each name stands for, for picture `n` (from 1) with that extension and seed.

    Takes a request as JSON, also one that is not checked yet: what is malformed gives no name. Without
    `seed` it is the request's own, or the longest of variants.
    """
    metadata, given = document.get("metadata"), document.get("input")
    names = {
        composed(name): value
        for name, value in (metadata if isinstance(metadata, dict) else {}).items()
        if isinstance(value, str) and composed(name) not in KEY_NAMES
    }
    for name in ("requestId", "workflow"):
        if isinstance(document.get(name), str):
            names[name] = document[name]
    if seed is None and (is_list_of_seeds(document) or document.get("variants") is not None):
        seed = MAX_SEED
    if seed is None and isinstance(given, dict):
        seed = given.get("seed")
    if isinstance(seed, int) and not isinstance(seed, bool):
        names["seed"] = str(seed)
    return {**names, "n": str(n), "ext": ext}
