"""The rules for a request's `metadata`: the producer's own words, within bounds."""

from __future__ import annotations

import json
from typing import Any

from worker.contracts.text import shown_key
from worker.errors import Problem

MAX_METADATA_KEYS = 64
MAX_METADATA_KEY_CHARACTERS = 128
MAX_METADATA_BYTES = 16_384
"""16 KiB: it travels in the job record, the pipeline and the event, which have limits too."""


def metadata_problems(metadata: Any) -> list[Problem]:
    """What is wrong with a `metadata` object; anything but an object is left to the model."""
    if not isinstance(metadata, dict):
        return []
    problems = []
    if len(metadata) > MAX_METADATA_KEYS:
        rule = f"must have at most {MAX_METADATA_KEYS} keys"
        problems.append(Problem("metadata", f"{len(metadata)} keys", rule))
    problems += [
        Problem(
            "metadata",
            f'"{shown_key(key)}"',
            f"a key must have 1 to {MAX_METADATA_KEY_CHARACTERS} characters",
        )
        for key in metadata
        if not 1 <= len(key) <= MAX_METADATA_KEY_CHARACTERS
    ]
    text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":"))
    size_bytes = len(text.encode(errors="surrogatepass"))
    if size_bytes > MAX_METADATA_BYTES:
        rule = f"must be at most {MAX_METADATA_BYTES:,} bytes of JSON"
        fix = "keep a key to your own record in it instead of the record"
        problems.append(Problem("metadata", f"{size_bytes:,} bytes", rule, fix))
    return problems
