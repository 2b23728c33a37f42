"""A message of the requests queue: let in, recorded or recognised, and its job begun."""

from __future__ import annotations

import structlog

from worker.contracts.drop_origin import drop_of
from worker.contracts.readable import (
    readable_batch_id,
    readable_request_id,
    readable_s3_event,
)
from worker.contracts.request import Request, content_digest
from worker.contracts.trace import trace_id_of
from worker.engine import announce
from worker.engine.accept import message_digest, read_request, record
from worker.engine.intake import IntakeGate
from worker.engine.late_parts import LateParts
from worker.engine.story import Story
from worker.engine.trouble import Delivery
from worker.engine.world import HeldJob, World
from worker.errors import RecordTooLargeError, RequestConflictError, RequestError
from worker.jobs.job import Job, JobState
from worker.jobs.keys import refusal_event_id
from worker.jobs.outcomes import Done, Outcome, RetryLater
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)


class RequestMessages:
    """Does what requests ask for. Raises whatever goes wrong before a job is held."""

    def __init__(self, world: World, *, gate: IntakeGate, story: Story) -> None:
        self._world = world
        self._gate = gate
        self._story = story
        self._late = LateParts(world)

    def handle(self, body: str, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """What to do with a message of the requests queue, after doing what it asks for."""
        if delivery.trace is not None:
            structlog.contextvars.bind_contextvars(trace_id=trace_id_of(delivery.trace))
        if readable_batch_id(body) is not None:
            return self._late.batch_messages.handle(body)
        if (notification := readable_s3_event(body)) is not None:
            return self._late.drop_messages.handle(notification, body, delivery, budget)
        try:
            request = read_request(self._world, body)
        except RequestError as error:
            return self._refuse(body, error, delivery, budget)
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        entered = self._gate.enter(request, delivery)
        if isinstance(entered, RetryLater):
            return self._rested(entered, body, delivery)
        try:
            outcome = self._begin(request, body, entered, budget)
        finally:
            self._gate.leave(entered)
        return self._rested(outcome, body, delivery)

    def _rested(self, outcome: Outcome, body: str, delivery: Delivery) -> Outcome:
        """The same, but a request that only waits for its turn does so in a new message, before the
        queue moves this one away: counted anew, and kept for four days more.

        A crash in between leaves two messages of one job. On Lambda, the new one may count as a hop
        of a chain that is stopped after 16: 12 days, since 90 deliveries take 19 hours.
        """
        is_held_back = isinstance(outcome, RetryLater) and outcome.is_held_back
        if not is_held_back or not delivery.is_last(self._world.rules):
            return outcome
        self._world.queue.send_requests([body], trace=delivery.trace)
        log.info(
            f"sent again after {delivery.count} deliveries: its turn has not come",
            action="request_renewed",
        )
        return Done()

    def _begin(
        self, request: Request, body: str, delivery: Delivery, budget: WorkBudget
    ) -> Outcome:
        """A request that is let in."""
        try:
            known = record(self._world, request, body, budget, trace=delivery.trace)
        except (RequestError, RecordTooLargeError) as error:
            if isinstance(error, RequestConflictError) and self._is_known_drop(request):
                return Done()
            event_id = refusal_event_id(request.request_id, content_digest(request))
            announce.reject(self._world, body, error, event_id=event_id, trace=delivery.trace)
            return Done()
        if isinstance(known, HeldJob):
            log.info("request accepted", action="job_accepted", job_state=known.job.state)
            return self._story.advance(known, delivery)
        return self._go_on(known, delivery, budget)

    def _is_known_drop(self, request: Request) -> bool:
        """Whether the job of that id was made of the same photo, under other rules or without what was
        put beside it later. The first one counts, and nobody is told of a conflict that nobody made.
        """
        known = self._world.store.load(request.request_id)
        before, now = drop_of(known.request) if known else None, request.drop
        if known is None or before is None or now is None or before.source != now.source:
            return False
        log.info(
            f"{now.source} is a job already, asked for with other settings, which stands",
            action="drop_repeated",
            job_state=known.state,
        )
        return True

    def _go_on(self, job: Job, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """A request of a job that is known already."""
        if job.state.is_final:
            log.info(
                f"the request came again; its job is over: {job.state}",
                action="request_repeated",
                job_state=job.state,
            )
            return Done()
        return self._story.advance(HeldJob.take(self._world, job, budget), delivery)

    def _refuse(
        self, body: str, error: RequestError, delivery: Delivery, budget: WorkBudget
    ) -> Outcome:
        """A message that breaks the rules: announced and put away, unless it carries a job.

        The rules may have changed since the job was accepted (a bucket was taken off a list, a
        new release is stricter). What may have been paid is followed all the same; what was not
        fails as a job, with its record.
        """
        request_id = readable_request_id(body)
        job = self._world.store.load(request_id) if request_id else None
        if job is None or job.message_digest != message_digest(body):
            announce.reject(self._world, body, error, trace=delivery.trace)
            return Done()
        structlog.contextvars.bind_contextvars(request_id=job.request_id)
        if job.state is not JobState.ACCEPTED or job.may_have_cost:
            return self._go_on(job, delivery, budget)
        held = HeldJob.take(self._world, job, budget)
        return self._story.advance_after(error, held, "accept", delivery)
