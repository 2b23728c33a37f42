"""Variants: several pictures of one request, which differ by their seeds.

"variants": 4                           four seeds that follow from the requestId
"variants": 4, "input": {"seed": 42}    42, 43, 44, 45
"input": {"seed": [7, 42, 1000]}        these
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from worker.contracts.inputs import MAX_SEED
from worker.contracts.text import shown
from worker.errors import Problem

MAX_VARIANTS: Final = 16
WITH_SEED: Final = ("full-naomi", "naomi")
"""The workflows that take a seed, so that another one gives another picture."""


def variant_seeds(document: Mapping[str, Any]) -> tuple[int, ...]:
    """The seed of each variant of a valid request, in order; empty if it asks for none.

    The same request has the same seeds each time.
    """
    given, variants = document["input"].get("seed"), document.get("variants")
    if document["workflow"] not in WITH_SEED:
        return ()
    if isinstance(given, list):
        return tuple(given)
    if variants is None:
        return ()
    first = given if given is not None else _derived(document["requestId"])
    return tuple(first + number for number in range(variants))


def is_list_of_seeds(document: Mapping[str, Any]) -> bool:
    """Whether a request that is not checked yet has a list where one seed usually stands."""
    given = document.get("input")
    is_list = isinstance(given, dict) and isinstance(given.get("seed"), list)
    return is_list and document.get("workflow") in WITH_SEED


def asks_for_several(document: Mapping[str, Any]) -> bool:
    """Whether a request that is not checked yet asks for more than one picture."""
    variants = document.get("variants")
    if is_list_of_seeds(document):
        return len(document["input"]["seed"]) > 1
    return isinstance(variants, int) and variants > 1


def variant_problems(document: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with `variants` and a list of seeds, but for the type and size of `variants`."""
    problems = _seed_problems(document["input"]["seed"]) if is_list_of_seeds(document) else []
    variants, output = document.get("variants"), document.get("output")
    if variants is not None:
        problems += _count_problems(variants, document)
    options = document.get("outputOptions")
    has_key = isinstance(options, dict) and options.get("key") is not None
    is_exact = isinstance(output, str) and "/" in output[5:] and not output.endswith("/")
    if asks_for_several(document) and is_exact and not has_key:
        rule = "names one picture, and several are asked for"
        problems.append(Problem("output", shown(output), rule, "make it a prefix: end it with /"))
    return problems


def _seed_problems(seeds: list[Any]) -> list[Problem]:
    field, value = "input.seed", shown(seeds)
    if not 1 <= len(seeds) <= MAX_VARIANTS:
        return [Problem(field, value, f"must be one seed, or a list of 1 to {MAX_VARIANTS}")]
    problems = [
        Problem(f"{field}[{index}]", shown(seed), f"must be a whole number from 0 to {MAX_SEED:,}")
        for index, seed in enumerate(seeds)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED
    ]
    if not problems and len(set(seeds)) < len(seeds):
        problems.append(
            Problem(field, value, "has a seed twice, which gives the same picture twice")
        )
    return problems


def _count_problems(variants: Any, document: Mapping[str, Any]) -> list[Problem]:
    workflow, value = document.get("workflow"), shown(variants)
    if isinstance(workflow, str) and workflow not in WITH_SEED:
        rule = "is for workflows with a seed only"
        return [Problem("variants", value, rule, " and ".join(WITH_SEED))]
    if is_list_of_seeds(document):
        rule = "stands beside a list of seeds, which says how many there are"
        return [Problem("variants", value, rule, "leave one of both out")]
    given = document.get("input")
    seed = given.get("seed") if isinstance(given, dict) else None
    if isinstance(seed, int) and isinstance(variants, int) and seed + variants - 1 > MAX_SEED:
        rule = f"counted up from input.seed, the last seed would be over {MAX_SEED:,}"
        return [Problem("variants", value, rule, "a smaller seed")]
    return []


def _derived(request_id: str) -> int:
    """A seed with room for all variants above it."""
    digest = hashlib.sha256(f"seed of {request_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % (MAX_SEED - MAX_VARIANTS)
