"""All targets by name."""

from __future__ import annotations

from tests.fuzz import answers, confidential, messages, photos, pictures
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (messages, answers, pictures, photos, confidential)
    for target in module.TARGETS
}


def runs_of(total: int, names: list[str]) -> dict[str, int]:
    """How many executions each of the targets gets, by its share; at least `total` in all."""
    whole = sum(TARGETS[name].share for name in names)
    return {name: -(-total * TARGETS[name].share // whole) for name in names}
