"""Which buckets a rules file is checked against: those of the settings, else those it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.filling import texts_in
from worker.contracts.s3_uri import SCHEME
from worker.drops.rule_checks import is_told_as_loop
from worker.drops.rules import load_rules
from worker.drops.yaml_text import YamlTextError, read_yaml
from worker.errors import RulesError
from worker.settings import Settings

_OF_INPUT: Final = re.compile(r"\.(input|fanOut)\.")

NAMELESS: Final = "bucket"
"""Stands for the watched bucket where nobody says what it is called."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The lists of buckets, and the bucket of rules that name none (None: they have to).

    `are_guessed` if the settings have no lists. `possible` are those that the watched one may be,
    where nobody says it.
    """

    inputs: frozenset[str]
    outputs: frozenset[str]
    watched: str | None
    are_guessed: bool = False
    possible: frozenset[str] = frozenset()


def buckets_for(text: str, settings: Settings, bucket: str | None) -> Buckets:
    """The buckets to check a rules file against."""
    if settings.input_buckets and settings.output_buckets:
        inputs = frozenset(settings.input_buckets)
        only = settings.input_buckets[0] if len(inputs) == 1 else None
        return Buckets(inputs, frozenset(settings.output_buckets), only)
    watched, named, inputs_named = _buckets_in(text)
    rest = bucket or (None if len(watched) > 1 else next(iter(watched), NAMELESS))
    everything = frozenset(watched | named | ({rest} if rest else set()))
    possible = frozenset(inputs_named or named) if rest == NAMELESS else frozenset()
    return Buckets(everything, everything, rest, are_guessed=True, possible=possible)


def possible_loops(text: str, buckets: Buckets) -> list[tuple[str, str]]:
    """By a bucket that the watched one may be, what would be a loop if it were."""
    found: list[tuple[str, str]] = []
    for bucket in sorted(buckets.possible):
        try:
            load_rules(
                text,
                input_buckets=buckets.inputs,
                output_buckets=buckets.outputs,
                drop_bucket=bucket,
            )
        except RulesError as error:
            loops = [one for one in error.problems if is_told_as_loop(one.problem)]
            found += [(bucket, str(one)) for one in loops]
    return found


def _buckets_in(text: str) -> tuple[set[str], set[str], set[str]]:
    """Buckets that rules watch, those of URIs anywhere in the file, and of those the ones that a
    request reads from.
    """
    try:
        document: Any = read_yaml(text).value
    except YamlTextError:
        return set(), set(), set()  # told when the rules are loaded
    rules = document.get("rules") if isinstance(document, dict) else None
    watched = {
        rule["bucket"]
        for rule in (rules if isinstance(rules, list) else [])
        if isinstance(rule, dict) and isinstance(rule.get("bucket"), str)
    }
    uris = [(at, value) for at, value in texts_in(document) if value.startswith(SCHEME)]
    named = {_bucket_of(uri) for _, uri in uris}
    return watched, named, {_bucket_of(uri) for at, uri in uris if _OF_INPUT.search(at)}


def _bucket_of(uri: str) -> str:
    return uri.removeprefix(SCHEME).partition("/")[0]
