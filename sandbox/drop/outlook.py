"""What the rules say will become of a file: the same code that the worker asks, so the same ids."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from worker.contracts.drop_origin import drop_of
from worker.drops.manifests import plan_batch
from worker.drops.planning import Photo, plan_drop
from worker.drops.rule_set import RuleSet
from worker.drops.sidecars import Sidecar, SidecarError


class Kind(Enum):
    """What a dropped file is."""

    PHOTO = auto()
    LIST = auto()
    """It becomes a batch."""
    SIDECAR = auto()
    NOTHING = auto()
    """No rule takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What will become of a file. `rule` is "" where no rule takes it."""

    kind: Kind
    rule: str = ""
    rests_s: float = 0.0
    """How long it is left alone first."""
    request_ids: tuple[str, ...] = ()
    batch_id: str = ""
    problem: str = ""
    """Why it becomes no request."""
    error: str | None = None
    """Where the document goes that says so."""


def outlook(
    rules: RuleSet, dropped: Photo, sidecar: Sidecar | SidecarError | None = None
) -> Outlook:
    """What will become of an object. `sidecar` is what lies beside it."""
    match = rules.match(dropped.bucket, dropped.key)
    if match is None:
        beside = rules.sidecar_of(dropped.bucket, dropped.key)
        if beside is not None:
            return Outlook(kind=Kind.SIDECAR, rule=beside.name)
        misses = rules.misses(dropped.bucket, dropped.key)
        why = "; ".join(f"{rule.name} {reason}" for rule, reason in misses)
        return Outlook(kind=Kind.NOTHING, problem=f"no rule takes it: {why}")
    rule = match.rule
    if rule.is_manifest:
        message = plan_batch(match, dropped)
        drop = drop_of(message)
        return Outlook(
            kind=Kind.LIST,
            rule=rule.name,
            rests_s=rule.settle_s,
            batch_id=message["batchId"],
            error=drop.error if drop else None,
        )
    plan = plan_drop(match, [dropped], sidecar)
    return Outlook(
        kind=Kind.PHOTO,
        rule=rule.name,
        rests_s=rule.settle_s,
        request_ids=tuple(str(request["requestId"]) for request in plan.requests),
        problem="; ".join(str(problem) for problem in plan.problems),
        error=plan.error,
    )
