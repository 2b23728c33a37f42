"""prepared: a pose or a garment that another job had Hautech prepare is used, not paid for again.

    before it is submitted     there ─► the step is over: `reuse`
                               another job's claim ─► the message comes back when it may be there
                               nothing ─► claimed, then paid for as ever
    completed                  told to all
    the job fails              the claim is given up

Only for what `naomi` needs first: whoever asks for a preparation by itself gets one of his own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from worker.engine.assets import ClaimedError, drop_image, look_or_claim, release, share
from worker.engine.world import HeldJob, World
from worker.jobs.assets import Asset, AssetKind, Claim
from worker.jobs.job import Job, Step, StepState
from worker.jobs.keys import preparation_key
from worker.jobs.pacing import next_poll_delay_s
from worker.jobs.sharing import (
    RENEWALS_MAX,
    forget,
    lay_claim,
    reuse,
    reused_images,
    reused_results,
)

log = structlog.get_logger(__name__)

_KINDS: Final = {"prepare-pose": AssetKind.POSE, "prepare-image": AssetKind.GARMENT}
_FIELDS: Final = {AssetKind.POSE: "poseId", AssetKind.GARMENT: "preparedImageId"}

_AFTER_TIMEOUT: Final = timedelta(minutes=5)
"""After a pipeline would have been given up, its claim is nobody's any more."""

_UNNAMED_AFTER: Final = 2
"""After so many failures a 404 that names nothing is taken for what was reused."""

_LEAST_WAIT_S: Final = 3.0
_SPREAD_S: Final = 2.0


def reuse_or_claim(world: World, held: HeldJob, name: str) -> bool:
    """Whether the planned step is over now, with what another job paid for; else it is ours to pay for.

    Raises ClaimedError while another job prepares the same.
    """
    key = _key(world, held.job, name)
    if key is None:
        return False
    step = held.job.step(name)
    kind = _KINDS[name]
    for_ = timedelta(seconds=world.rules.pipeline_timeout_s) + _AFTER_TIMEOUT
    there = look_or_claim(world, held.job, key, kind, for_=for_)
    if isinstance(there, Claim):
        raise ClaimedError(
            f"step {name}: another job is preparing the same",
            retry_after_s=_wait_s(world, step, there),
        )
    if there is None:
        held.job = lay_claim(held.job, name, key=key)
        return False
    because = (
        f"reused: {there.value}, prepared {there.made_at:%Y-%m-%d %H:%M:%S} UTC; nothing is paid"
    )
    output = {_FIELDS[kind]: there.value}
    held.job = reuse(held.job, name, key=key, output=output, because=because, at=world.now())
    log.info(because, action="preparation_reused", step=name)
    return True


def share_result(world: World, job: Job, step: Step) -> None:
    """Tell all jobs what a completed step of this one gave, if it was claimed for that. Never raises."""
    kind = _KINDS.get(step.name)
    if step.asset is None or kind is None or step.pipeline is None:
        return
    made_at = step.pipeline.ended_at or world.now()
    share(
        world,
        step.asset,
        Asset(
            kind=kind,
            value=str(step.output[_FIELDS[kind]]),
            made_at=made_at,
            expires_at=job.images[_image_of(job, step)].expires_at,
        ),
    )


def release_claims(world: World, job: Job) -> None:
    """Before a job fails: others need not wait for what it does not make any more. Never raises."""
    for step in job.steps:
        if step.asset is not None and step.state is not StepState.COMPLETED:
            release(world, job, step.asset)


def renew_vanished(
    world: World, held: HeldJob, name: str, said: str, *, is_not_there: bool = False
) -> bool:
    """Whether what the step was refused or failed for is to be made anew: something reused, named in `said`.

    An answer that something `is_not_there` and never says what (a bare 404) means all that was reused,
    once it has been given often enough to be more than a moment's.
    To be called before the failure is recorded: when the cache cannot be told, nothing has changed.
    """
    job = held.job
    if job.renewals >= RENEWALS_MAX:
        return False
    step = job.step(name)
    images, results = reused_images(job, step), reused_results(job, step)
    named = {one for one in (*images, *results) if one in said}
    if named or not is_not_there or job.failures < _UNNAMED_AFTER:
        images = {one: image for one, image in images.items() if one in named}
        results = {one: key for one, key in results.items() if one in named}
    gone = images.keys() | results.keys()
    if not gone:
        return False
    for one, image in images.items():
        drop_image(world, job.images[image.image].uri, image.sha256, one)
    for one, key in results.items():
        world.assets.drop(key, one, at=world.now())
    because = f"vanished at Hautech: {', '.join(sorted(gone))}; made anew"
    held.job = forget(job, gone, because=because, at=world.now())
    log.warning(f"step {name}: {because}", action="asset_vanished", step=name)
    return True


def _key(world: World, job: Job, name: str) -> str | None:
    """The key of what the step prepares; None for one that is not shared."""
    kind = _KINDS.get(name)
    step = job.step(name)
    if kind is None or step is job.steps[-1] or not world.rules.reuses:
        return None
    place = _image_of(job, step)
    sha256 = next((one.sha256 for one in job.shared if one.image == place), None)
    if sha256 is None:
        return None
    account = world.hautech.account()
    return preparation_key(account, kind, step.workflow_id, sha256, step.input or {})


def _image_of(job: Job, step: Step) -> int:
    uri = next(binding.image_uri for binding in step.bindings if binding.image_uri)
    return job.images.index(job.image(uri))


def _wait_s(world: World, step: Step, claim: Claim) -> float:
    """As a poll of the pipeline that is waited for would be paced."""
    age_s = max(0.0, (world.now() - claim.since).total_seconds())
    expected = world.durations.expected([step.workflow_id])
    wait_s = next_poll_delay_s(age_s, expected, world.rules.poll_bounds)
    return max(_LEAST_WAIT_S, wait_s) + world.random.uniform(0.0, _SPREAD_S)
