"""Notifications of S3: what lies in the bucket now becomes requests, by the rules in force.

    notification ─► settle ─► look (HEAD, LIST) ─► rule, sidecar, group ─► requests sent ─► deleted
                      │ handed back meanwhile

An event only says where to look. What is derived from an upload has a derived id, so a repetition
is harmless, and the requests are sent before their notification is deleted, so no kill loses one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.drop_error import WAITS, DropError
from worker.contracts.drop_origin import Marking
from worker.contracts.s3_uri import S3Uri
from worker.drops.manifests import plan_batch
from worker.drops.places import fallback_error_place
from worker.drops.planning import DropPlan, Photo, missing_parts
from worker.drops.rule_set import Match, RuleSet
from worker.drops.s3_events import Upload, read_s3_event
from worker.drops.sidecars import Sidecar, SidecarError
from worker.engine import announce, drop_marks
from worker.engine.classify import Decision, classify
from worker.engine.drop_late import look_whether_late, take_note_away
from worker.engine.drop_looking import looking, photos_of, place_of, sidecar_of
from worker.engine.drop_turns import turns_of
from worker.engine.telling import text_of
from worker.engine.trouble import Delivery
from worker.engine.world import World
from worker.errors import (
    AttemptsExhaustedError,
    InterruptedWorkError,
    InvalidRequestError,
    Problem,
    TransientError,
    WorkerError,
)
from worker.jobs.outcomes import Done, Outcome, RetryLater
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)

_ONE_UPLOAD_S = 5.0
"""Time that must be left to begin with an upload."""

_LOOK_AGAIN_S = 60.0
"""How often a group that is not complete is looked at; its last photo has an event of its own."""

_LOOKS_MOST = 50
"""So often at most: a queue gives up after a hundred deliveries, and trouble takes some, too."""


class DropMessages:
    """Does what notifications ask for. Raises what goes wrong; the message comes back then."""

    def __init__(self, world: World) -> None:
        self._world = world

    def handle(
        self, document: Mapping[str, Any], body: str, delivery: Delivery, budget: WorkBudget
    ) -> Outcome:
        """What to do with a notification, after doing what it asks for."""
        event = read_s3_event(document)
        for one in event.ignored:
            log.info(f"ignored: {one}", action="drop_ignored")
        if not event.uploads:
            return Done()
        if not self._world.drops.are_set:
            announce.reject(self._world, body, _no_rules(), trace=delivery.trace)
            return Done()
        later: list[RetryLater] = []
        first: Exception | None = None
        for upload in event.uploads:
            try:
                wait = self._take(upload, delivery, budget)
            except Exception as error:  # noqa: BLE001 -- raised below: the others need not wait for it
                first = first or error
            else:
                later += [wait] if wait else []
        if first is not None:
            if not self._is_over(first, delivery):
                raise first
            return self._give_up(body, event.uploads, first)
        return min(later, key=lambda wait: wait.after_s) if later else Done()

    def _take(self, upload: Upload, delivery: Delivery, budget: WorkBudget) -> RetryLater | None:
        """Send the requests of one upload; or how long it rests first."""
        if budget.remaining_s() < _ONE_UPLOAD_S:
            raise InterruptedWorkError("too little time is left to look at an upload")
        place = S3Uri(upload.bucket, upload.key)
        structlog.contextvars.bind_contextvars(uri=str(place))
        rules = self._world.drops.current()
        match = rules.match(upload.bucket, upload.key)
        if match is None:
            return self._without_rule(rules, upload)
        rest_s = self._left_s(upload.event_time, match.rule.settle_s)
        if rest_s > 0:
            log.debug(f"looked at in {rest_s:.0f} s", action="drop_settling")
            return RetryLater(rest_s, "what belongs to the photo may still come")
        with looking():
            photos = photos_of(self._world, match)
            if photos is None:
                return None
            if match.rule.is_manifest:
                self._send([plan_batch(match, photos[0])], delivery)
                return None
            if missing := missing_parts(match, photos):
                return self._wait_for(missing, match, photos, upload)
            sidecar = sidecar_of(self._world, match)
        self._send_new(match, photos, sidecar, upload, delivery)
        return None

    def _left_s(self, event_time: datetime, wait_s: float) -> float:
        """Seconds until so long after an event, by AWS's time; never more than all of it."""
        age_s = (self._world.now() - event_time).total_seconds()
        return min(wait_s, wait_s - age_s)

    def _wait_for(
        self, missing: Sequence[str], match: Match, photos: Sequence[Photo], upload: Upload
    ) -> RetryLater | None:
        """The rest of a group that is not complete; told in S3 when it has waited long enough."""
        names = ", ".join(missing)
        left_s = self._left_s(upload.event_time, match.rule.parts_within_s)
        if left_s > 0:
            log.debug(f"waits for {names}", action="drop_waits")
            often_s = max(_LOOK_AGAIN_S, match.rule.parts_within_s / _LOOKS_MOST)
            return RetryLater(min(left_s, often_s), f"waits for {names}")
        log.warning(f"waits for {names} no longer", action="drop_incomplete")
        plan = DropPlan(
            problems=(Problem("the photos", match.stem, f"waits for {names}"),),
            error=fallback_error_place(match) if match.rule.writes_errors else None,
        )
        self._tell(match, photos, plan, WAITS)
        return None

    def _send_new(
        self,
        match: Match,
        photos: Sequence[Photo],
        sidecar: Sidecar | SidecarError | None,
        upload: Upload,
        delivery: Delivery,
    ) -> None:
        """Send the requests of a drop that are no jobs yet."""
        plan, turns = turns_of(self._world, match, photos, sidecar, moment=upload.event_time)
        if plan.problems:
            self._refuse(match, photos, sidecar, plan)
            return
        for job in (job for _, job in turns if job is not None):
            log.info(
                f"{job.request_id} is known: {job.state}",
                action="drop_repeated",
                request_id=job.request_id,
            )
        wanted = [request for request, job in turns if job is None]
        if match.rule.has_sidecar:
            take_note_away(self._world, wanted)
        self._send(wanted, delivery)

    def _send(self, messages: Sequence[Mapping[str, Any]], delivery: Delivery) -> None:
        if not messages:
            return
        self._world.queue.send_requests(
            [json.dumps(message) for message in messages], trace=delivery.trace
        )
        ids = [str(message.get("requestId") or message.get("batchId")) for message in messages]
        log.info(f"sent: {', '.join(ids)}", action="drop_sent")

    def _refuse(
        self,
        match: Match,
        photos: Sequence[Photo],
        sidecar: Sidecar | SidecarError | None,
        plan: DropPlan,
    ) -> None:
        error = InvalidRequestError(plan.problems)
        log.warning(f"no request can be made of it: {error.message}", action="drop_refused")
        self._world.observer.refused(error.code)
        beside = [S3Uri(match.bucket, sidecar.key)] if sidecar is not None else []
        self._tell(match, photos, plan, error.code, beside=beside)

    def _tell(
        self,
        match: Match,
        photos: Sequence[Photo],
        plan: DropPlan,
        code: str,
        *,
        beside: Sequence[S3Uri] = (),
    ) -> None:
        """Show in S3 that a drop became no request. Raises passing errors: the message comes back."""
        try:
            if plan.error is not None:
                said = DropError(
                    photo=str(place_of(photos[0])),
                    code=code,
                    details=[str(problem) for problem in plan.problems],
                    rule=match.rule.name,
                    at=self._world.now(),
                )
                group = [str(place_of(photo)) for photo in photos]
                drop_marks.write_error(self._world, S3Uri.parse(plan.error), said, others=group)
            if plan.on_failure is not None:
                marking = Marking.model_validate(plan.on_failure)
                for photo in photos:
                    drop_marks.put_aside(self._world, place_of(photo), marking, etag=photo.etag)
                for place in beside:
                    drop_marks.put_aside(self._world, place, marking)
        except TransientError:
            raise
        except WorkerError as error:
            log.warning(f"cannot be told in S3: {error.message}", action="drop_mark_failed")

    def _without_rule(self, rules: RuleSet, upload: Upload) -> RetryLater | None:
        rule = rules.sidecar_of(upload.bucket, upload.key)
        if rule is not None:
            return look_whether_late(self._world, rules, rule, upload)
        misses = [f'"{rule.name}" {why}' for rule, why in rules.misses(upload.bucket, upload.key)]
        reason = "; ".join(misses[:5]) or "there are no rules"
        log.info(f"ignored: no rule takes it ({reason})", action="drop_ignored")
        return None

    def _is_over(self, error: Exception, delivery: Delivery) -> bool:
        """Whether the queue is about to move the notification away without a reason."""
        is_last = delivery.count >= delivery.most(self._world.rules)
        return is_last and classify(error).decision is not Decision.STOP

    def _give_up(self, body: str, uploads: Sequence[Upload], error: Exception) -> Outcome:
        said = f"given up; the last trouble was: {text_of(error)}"
        reason = DeadLetterReason(
            error_code=AttemptsExhaustedError.code,
            error_message=said,
            error_stage="accept",
            request_id=None,
            event_id=None,
            failed_at=self._world.now(),
        )
        self._world.queue.send_dead_letter(body, reason)
        self._world.observer.refused(AttemptsExhaustedError.code)
        places = ", ".join(str(S3Uri(upload.bucket, upload.key)) for upload in uploads)
        log.error(f"{places}: {said}; dead-lettered", action="drop_given_up")
        return Done()


def _no_rules() -> InvalidRequestError:
    rule = (
        "is not set, and the message is a notification of S3: no rule says what to do with a photo"
    )
    fix = "set it to a rules file, or end the notifications of the bucket"
    return InvalidRequestError([Problem("WORKER_DROP_RULES", "", rule, fix)])
