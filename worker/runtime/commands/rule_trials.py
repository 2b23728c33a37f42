"""What would happen to keys under a set of rules: made up here, told by `rules_told`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worker.contracts.s3_uri import SCHEME
from worker.drops.manifests import plan_batch
from worker.drops.planning import DropPlan, Photo, missing_parts, plan_drop
from worker.drops.rules import Match, Rule, RuleSet
from worker.drops.sidecars import Sidecar, SidecarError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One key, or the keys of one group, and what comes of them."""

    bucket: str
    keys: tuple[str, ...]
    misses: tuple[tuple[Rule, str], ...]
    match: Match | None = None
    sidecar_of: Rule | None = None
    missing: tuple[str, ...] = ()
    plan: DropPlan | None = None
    batch: dict[str, Any] | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a rule takes the key and no request comes of it, for good."""
        return self.plan is not None and bool(self.plan.problems)


def try_keys(
    rules: RuleSet,
    keys: Sequence[str],
    *,
    bucket: str | None,
    sidecar: Sidecar | SidecarError | None,
) -> list[Trial]:
    """A trial of each key, photos of one group together, in the order given."""
    usual = bucket or (rules.rules[0].bucket if rules.rules else "")
    places = [_place(key, usual) for key in keys]
    trials: list[Trial] = []
    done: set[tuple[str, str]] = set()
    for where, key in places:
        if (where, key) in done:
            continue
        match = rules.match(where, key)
        group = [key]
        if match is not None and match.part is not None:
            group = [other for owner, other in places if owner == where and match.belongs(other)]
        done |= {(where, one) for one in group}
        trials.append(_trial(rules, where, tuple(dict.fromkeys(group)), match, sidecar))
    return trials


def _trial(
    rules: RuleSet,
    bucket: str,
    keys: tuple[str, ...],
    match: Match | None,
    sidecar: Sidecar | SidecarError | None,
) -> Trial:
    misses = rules.misses(bucket, keys[0])
    if match is None:
        beside = rules.sidecar_of(bucket, keys[0])
        return Trial(bucket=bucket, keys=keys, misses=misses, sidecar_of=beside)
    photos = [Photo(bucket, key, None, "") for key in keys]
    if match.rule.is_manifest:
        batch = plan_batch(match, photos[0])
        return Trial(bucket=bucket, keys=keys, misses=misses, match=match, batch=batch)
    if missing := missing_parts(match, photos):
        return Trial(bucket=bucket, keys=keys, misses=misses, match=match, missing=missing)
    if isinstance(sidecar, Sidecar):
        extension = sidecar.key.rpartition(".")[2]
        sidecar = Sidecar(f"{match.folder}{match.stem}.{extension}", sidecar.fields)
    plan = plan_drop(match, photos, sidecar)
    return Trial(bucket=bucket, keys=keys, misses=misses, match=match, plan=plan)


def _place(key: str, bucket: str) -> tuple[str, str]:
    if key.startswith(SCHEME):
        owner, _, rest = key.removeprefix(SCHEME).partition("/")
        return owner, rest
    return bucket, key
