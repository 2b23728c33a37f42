"""A message of the polls queue: its job is followed, if it still waits for this message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from worker.contracts.ids import may_have_batch_id
from worker.contracts.poll import parse_poll
from worker.contracts.readable import readable_request_id
from worker.engine import announce, trouble
from worker.engine.accept import recheck_unpaid
from worker.engine.in_flight import InFlight
from worker.engine.intake import IntakeGate
from worker.engine.late_parts import LateParts
from worker.engine.story import Story, bind_job
from worker.engine.trouble import Delivery
from worker.engine.world import HeldJob, World
from worker.errors import PollMessageError, RequestError
from worker.jobs import plan
from worker.jobs.job import Job
from worker.jobs.outcomes import Done, Outcome, RetryLater
from worker.ports.clock import WorkBudget
from worker.ports.observer import DropReason

if TYPE_CHECKING:  # imported with the first batch
    from worker.contracts.follow import FollowMessage

log = structlog.get_logger(__name__)


class PollMessages:
    """Follows the jobs that they name. Raises whatever goes wrong before a job is held."""

    def __init__(
        self, world: World, *, gate: IntakeGate, in_flight: InFlight, story: Story
    ) -> None:
        self._world = world
        self._gate = gate
        self._in_flight = in_flight
        self._story = story
        self._late = LateParts(world)

    def handle(self, body: str, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """What to do with a message of the polls queue, after following the job it names."""
        self._in_flight.refresh()
        if may_have_batch_id(body) and (follow := self._late.batch_following.read(body)):
            return self._follow(follow, delivery, budget)
        try:
            poll_message = parse_poll(body)
        except PollMessageError as error:
            return self._refuse(body, error)
        structlog.contextvars.bind_contextvars(request_id=poll_message.request_id)
        job = self._world.store.load(poll_message.request_id)
        if job is None or job.state.is_final or job.poll_ticket != poll_message.ticket:
            return self._drop(job)
        bind_job(job)
        if isinstance(plan.next_move(job, at=self._world.now()), plan.Wait):
            return self._story.look(job, delivery, budget)
        held = HeldJob.take(self._world, job, budget)
        try:
            recheck_unpaid(self._world, job)
        except RequestError as error:
            return self._story.advance_after(error, held, "accept", delivery)
        entered = self._gate.enter_poll(job, delivery)
        try:
            return self._story.advance(held, entered)
        finally:
            self._gate.leave(entered)

    def _follow(self, follow: FollowMessage, delivery: Delivery, budget: WorkBudget) -> Outcome:
        outcome = self._late.batch_following.handle(follow, delivery, budget)
        if isinstance(outcome, Done):
            self._in_flight.batches.ended(follow.batch_id)
        else:
            self._in_flight.batches.saw(follow.batch_id)
        return outcome

    def _drop(self, job: Job | None) -> Done:
        """A message that no job waits for: another one carries it, if it is still to be carried."""
        if job is None:
            reason: DropReason = "no_job"
        else:
            reason = "over" if job.state.is_final else "replaced"
        log.info(
            "a poll message that no job waits for was dropped",
            action="poll_dropped",
            job_state=job.state if job else None,
        )
        self._world.observer.poll_dropped(reason)
        return Done()

    def _refuse(self, body: str, error: PollMessageError) -> Outcome:
        """A message that this release cannot read as a poll.

        It may be all that wakes a paid job, written by a newer release: then it waits for one.
        """
        request_id = readable_request_id(body)
        job = self._world.store.load(request_id) if request_id else None
        if job is not None and not job.state.is_final:
            log.warning(
                f"left for a worker that can read it: {error.message}",
                action="poll_not_understood",
                request_id=request_id,
            )
            return RetryLater(trouble.NOT_UNDERSTOOD_S, error.message)
        announce.dead_letter(self._world, body, error)
        return Done()
