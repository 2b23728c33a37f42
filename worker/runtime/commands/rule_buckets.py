"""Which buckets a rules file is checked against: those of the settings, else those it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.filling import texts_in
from worker.contracts.s3_uri import SCHEME
from worker.drops.yaml_text import YamlTextError, read_yaml
from worker.settings import Settings

NAMELESS: Final = "bucket"
"""Stands for the watched bucket where nobody says what it is called."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The lists of buckets, and the bucket of rules that name none (None: they have to).

    `are_guessed` if the settings have no lists.
    """

    inputs: frozenset[str]
    outputs: frozenset[str]
    watched: str | None
    are_guessed: bool = False


def buckets_for(text: str, settings: Settings, bucket: str | None) -> Buckets:
    """The buckets to check a rules file against."""
    if settings.input_buckets and settings.output_buckets:
        inputs = frozenset(settings.input_buckets)
        only = settings.input_buckets[0] if len(inputs) == 1 else None
        return Buckets(inputs, frozenset(settings.output_buckets), only)
    watched, named = _buckets_in(text)
    rest = bucket or (None if len(watched) > 1 else next(iter(watched), NAMELESS))
    everything = frozenset(watched | named | ({rest} if rest else set()))
    return Buckets(everything, everything, rest, are_guessed=True)


def _buckets_in(text: str) -> tuple[set[str], set[str]]:
    """Buckets that rules watch, and those of URIs anywhere in the file."""
    try:
        document: Any = read_yaml(text).value
    except YamlTextError:
        return set(), set()  # told when the rules are loaded
    rules = document.get("rules") if isinstance(document, dict) else None
    watched = {
        rule["bucket"]
        for rule in (rules if isinstance(rules, list) else [])
        if isinstance(rule, dict) and isinstance(rule.get("bucket"), str)
    }
    uris = [value for _, value in texts_in(document) if value.startswith(SCHEME)]
    return watched, {uri.removeprefix(SCHEME).partition("/")[0] for uri in uris}
