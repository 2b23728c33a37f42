"""accept: a message becomes a job record, or is the same job again, or is refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from typing import Final

from worker.contracts.envelopes import unwrap
from worker.contracts.origin import batch_of
from worker.contracts.presets import PRESET, with_preset
from worker.contracts.readable import readable_request_id
from worker.contracts.request import Request, content_digest, parse_document, parse_request
from worker.engine.rules import EngineRules
from worker.engine.world import HeldJob, World
from worker.errors import (
    RequestCancelledError,
    RequestConflictError,
    RequestError,
    RequestExpiredError,
)
from worker.jobs.document import MUST_UNDERSTAND
from worker.jobs.job import Job, JobState, JsonObject
from worker.jobs.plan import plan_images, plan_steps
from worker.jobs.transitions import accept
from worker.ports.clock import WorkBudget

_OF_VARIANTS: Final = ["steps.variant", "steps.seed", "steps.failure"]


def read_request(world: World, body: str) -> Request:
    """The valid request in a message, its preset below it.

    A message that brought a job before means what it meant then, whatever its preset is by now.

    Raises MalformedRequestError or InvalidRequestError, the latter with all problems at once; and,
    for a request with a preset, NoRulesError or a passing error.
    """
    document = unwrap(body)
    if document.get(PRESET) is not None:
        document = _accepted_before(world, body) or with_preset(document, world.drops.presets())
    return parse_document(
        document,
        input_buckets=world.rules.input_buckets,
        output_buckets=world.rules.output_buckets,
    )


def _accepted_before(world: World, body: str) -> JsonObject | None:
    request_id = readable_request_id(body)
    job = world.store.load(request_id) if request_id else None
    return job.request if job and job.message_digest == message_digest(body) else None


def is_message_of(job: Job, body: str, rules: EngineRules) -> bool:
    """Whether a message asks for what the job does: the same letters, or the same content."""
    if message_digest(body) == job.message_digest:
        return True
    try:
        if json.loads(body) == job.request:
            return True
        request = parse_request(
            body, input_buckets=rules.input_buckets, output_buckets=rules.output_buckets
        )
    except (ValueError, RecursionError, RequestError):
        return False
    return content_digest(request) == job.content_digest


def recheck_unpaid(world: World, job: Job) -> None:
    """Raise RequestError when the rules of today refuse a job that has cost nothing.

    Its request message was checked again at each delivery; a poll message says nothing of what
    is asked for.
    """
    is_settled = job.state is JobState.ANNOUNCING
    if not is_settled and not job.may_have_cost:
        read_request(world, json.dumps(job.request))


def message_digest(body: str) -> str:
    """SHA-256 (64 hex digits) of a message as it came: redeliveries are the same to the letter."""
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def record(
    world: World, request: Request, body: str, budget: WorkBudget, *, trace: str | None = None
) -> HeldJob | Job:
    """The new job, held by us; or the job that this request already is, not held.

    Raises RequestConflictError when the id stands for other content, and RequestExpiredError
    for a new request that is already too old. Neither leaves a record, so the producer can send
    the corrected request under the same id.
    """
    job = replace(_new_job(world, request, body), trace=trace)
    lease = HeldJob.new_lease(world)
    if not is_expired(job, world):
        known = world.store.create(replace(job, lease=lease))
        if known is None:
            return HeldJob(world, replace(job, lease=lease, version=1), budget)
    else:
        known = world.store.load(request.request_id)
        if known is None:
            raise RequestExpiredError(_expired(job))
    if known.content_digest != job.content_digest:
        raise RequestConflictError(
            f"requestId: {request.request_id}: was used at {known.accepted_at:%Y-%m-%d %H:%M:%S} "
            "UTC with other content; that job is untouched (send this request under a new id)"
        )
    return known


def _new_job(world: World, request: Request, body: str) -> Job:
    steps = plan_steps(request, shares_poses=world.rules.shares_poses)
    job = accept(
        request_id=request.request_id,
        request=_as_json(request),
        content_digest=content_digest(request),
        message_digest=message_digest(body),
        steps=steps,
        images=plan_images(steps),
        at=world.now(),
    )
    # A release that knows no variants would run the step without its seed, and pay for that.
    return replace(job, kept={MUST_UNDERSTAND: _OF_VARIANTS}) if job.variants() else job


def refuse_if_expired(job: Job, world: World) -> None:
    """Raise RequestExpiredError when the job may not be begun any more.

    A job that may have cost something goes on: giving up what is paid helps nobody.
    """
    if not job.may_have_cost and is_expired(job, world):
        raise RequestExpiredError(_expired(job))


def refuse_if_cancelled(job: Job, world: World) -> None:
    """Raise RequestCancelledError when the job is a row of a cancelled batch and has cost nothing."""
    row = batch_of(job.request)
    if row is None or job.may_have_cost:
        return
    cancelled_at = world.batches.cancelled_at(row.id)
    if cancelled_at is not None:
        raise RequestCancelledError(
            f"batch {row.id} was cancelled at {cancelled_at:%Y-%m-%d %H:%M:%S} UTC, before this "
            "request was submitted, so nothing was paid"
        )


def is_expired(job: Job, world: World) -> bool:
    """Whether the request's `expiresAt` has passed."""
    return is_past(job.expires_at, world)


def is_past(moment: datetime | None, world: World) -> bool:
    """Whether that moment has come; None never does."""
    return moment is not None and moment <= world.now()


def _expired(job: Job) -> str:
    paid = (
        "nothing more was paid" if any(step.earlier for step in job.steps) else "nothing was paid"
    )
    return (
        f"expiresAt: {job.request.get('expiresAt')}: passed before the request was submitted, so "
        f"{paid} (send it again with a later expiresAt)"
    )


def _as_json(request: Request) -> JsonObject:
    document: JsonObject = json.loads(request.model_dump_json(exclude_unset=True))
    return document
