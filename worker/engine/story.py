"""The story of a held job: one move after the other, until only time is missing or it is over.

look ─► advance: upload ─► submit ─► (poll) ─► collect ─► announce
            │ ▲
    trouble ▼ │ the verdict is in the record: announce it
         recovery
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from worker.contracts.trace import trace_id_of
from worker.engine import announce, assets, collect, poll, prepared, submit, trouble
from worker.engine.accept import refuse_if_cancelled, refuse_if_expired
from worker.engine.assets import ClaimedError
from worker.engine.guarded_hautech import GuardedHautech
from worker.engine.intake import IntakeGate
from worker.engine.recovery import recover
from worker.engine.trouble import Carrier, Delivery
from worker.engine.wake import send_poll
from worker.engine.world import HeldJob, World
from worker.errors import HeldBackError, NotThereError, Stage
from worker.jobs import plan
from worker.jobs.job import Job, JobState
from worker.jobs.outcomes import Done, Outcome, PollAgain, RetryLater
from worker.jobs.transitions import await_pipelines, carry_on
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)

_UPLOAD_S = 10.0
_ANNOUNCE_S = 3.0
"""Time that must be left to begin these pieces of work, in seconds."""

_STAGES: dict[type[plan.Move], Stage] = {
    plan.Upload: "upload",
    plan.Submit: "submit",
    plan.FindOut: "submit",
    plan.Wait: "poll",
    plan.Collect: "collect",
    plan.Announce: "announce",
    plan.Nothing: "announce",
}


class Story:
    """Carries jobs on, whichever message named them. Every error of a held job is answered here."""

    def __init__(self, world: World, *, hautech: GuardedHautech, gate: IntakeGate) -> None:
        self._world = world
        self._hautech = hautech
        self._gate = gate

    def advance(self, held: HeldJob, delivery: Delivery) -> Outcome:
        """Make one move after the other until only time is missing or the job is over."""
        while True:
            move = plan.next_move(held.job, at=self._world.now())
            bind_job(held.job)
            try:
                outcome = self._make(move, held, delivery)
            except Exception as error:  # noqa: BLE001 -- classified by the table
                outcome = recover(self._world, held, error, _STAGES[type(move)], delivery)
            if outcome is not None:
                return outcome

    def advance_after(
        self, error: Exception, held: HeldJob, stage: Stage, delivery: Delivery
    ) -> Outcome:
        """The same for a job that has met trouble before any move of it was made."""
        outcome = recover(self._world, held, error, stage, delivery)
        return self.advance(held, delivery) if outcome is None else outcome

    def look(self, job: Job, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """Ask about the running pipelines. A pending one costs no write and no lease."""
        try:
            reports = poll.look(self._world_for_one_piece(), job)
        except Exception as error:  # noqa: BLE001 -- classified by the table
            if isinstance(error, HeldBackError):
                return trouble.retry(self._world, error, delivery, failures=1)
            held = HeldJob.take(self._world, job, budget)
            return self.advance_after(error, held, "poll", delivery)
        if not poll.is_over(self._world, job, reports):
            delay_s = poll.next_delay_s(self._world, job)
            log.debug(
                f"pending; next poll in {delay_s} s", action="poll_pending", job_state=job.state
            )
            return PollAgain(delay_s)
        held = HeldJob.take(self._world, job, budget)
        try:
            poll.record_ends(self._world, held, reports)
        except Exception as error:  # noqa: BLE001 -- classified by the table
            return self.advance_after(error, held, "poll", delivery)
        return self.advance(held, delivery)

    def _make(self, move: plan.Move, held: HeldJob, delivery: Delivery) -> Outcome | None:
        """Make one move. Returns None when the next one can follow at once."""
        world = self._world_for_one_piece()
        match move:
            case plan.Upload(uri):
                self._gate.check(held.job, delivery)
                held.need(_UPLOAD_S, "an upload")
                refuse_if_expired(held.job, world)
                refuse_if_cancelled(held.job, world)
                held.renew_if_short()
                waits = not delivery.is_last(world.rules)
                assets.bring_image(world, held, uri, waits=waits)
            case plan.Submit(step):
                self._gate.check(held.job, delivery)
                if not self._gets_on_without_paying(world, held, step, delivery):
                    self._pay(world, held, step)
            case plan.FindOut(step):
                wait_s = submit.find_out_or_do_without(world, held, step)
                if wait_s is not None:
                    held.release()
                    return RetryLater(wait_s, "looking for a run whose answer was lost")
                self._keep_what_was_paid(held)
            case plan.Wait():
                return self._wait(held, delivery)
            case plan.Collect():
                announce.settle_success(world, held, collect.collect(world, held))
            case plan.Announce():
                held.need(_ANNOUNCE_S, "the announcement")
                announce.announce(world, held)
            case plan.Nothing():
                return Done()
        return None

    def _gets_on_without_paying(
        self, world: World, held: HeldJob, step: str, delivery: Delivery
    ) -> bool:
        """Whether the step is over with what another job paid for, or something else got on.

        Raises ClaimedError while another job pays for the same, and nothing else can be done.
        """
        if delivery.is_last(self._world.rules):
            return False  # the message would be gone before the other job is done
        try:
            return prepared.reuse_or_claim(world, held, step)
        except ClaimedError:
            if poll.record_what_ended(world, held):
                return True
            raise

    def _pay(self, world: World, held: HeldJob, step: str) -> None:
        try:
            submit.submit_or_do_without(world, held, step)
        except NotThereError as error:
            if prepared.renew_vanished(world, held, step, error.message, is_not_there=True):
                return
            raise
        self._keep_what_was_paid(held)

    def _keep_what_was_paid(self, held: HeldJob) -> None:
        """Save a new pipeline id before anything slow; another save follows at once otherwise."""
        following = plan.next_move(held.job, at=self._world.now())
        is_saved_at_once = isinstance(following, plan.Wait) or (
            # Before it pays, a step may have to be looked for among what other jobs made.
            isinstance(following, plan.Submit) and not self._world.rules.reuses
        )
        if not is_saved_at_once:
            held.save()

    def _wait(self, held: HeldJob, delivery: Delivery) -> Outcome:
        """Hand the job over to its poll message; from here on nothing of it is held anywhere."""
        delay_s = poll.first_delay_s(self._world, held.job)
        if delivery.carrier is Carrier.POLL:
            if held.job.state is JobState.ACCEPTED:
                # Its request message was lost, and the poll message in hand did the work of it.
                because = f"its poll message carried it this far; next poll in {delay_s} s"
                held.job = carry_on(held.job, because=because, at=self._world.now())
            held.release()
            log.info(f"next poll in {delay_s} s", action="waiting")
            return PollAgain(delay_s)
        because = f"first poll in {delay_s} s"
        held.job = await_pipelines(held.job, because=because, at=self._world.now())
        held.release()
        send_poll(self._world, held.job, delay_s=delay_s)
        log.info(because, action="waiting", job_state=str(held.job.state))
        return Done()

    def _world_for_one_piece(self) -> World:
        """The world for a piece of work that is done whole or begun anew: it waits for one turn."""
        return replace(self._world, hautech=self._hautech.for_one_piece())


def bind_job(job: Job) -> None:
    """Put the job's state and pipelines on every log line from here on."""
    ids = [step.pipeline.pipeline_id for step in job.steps if step.pipeline]
    structlog.contextvars.bind_contextvars(
        job_state=str(job.state), pipeline_id=",".join(ids) or None
    )
    if job.trace is not None:
        structlog.contextvars.bind_contextvars(trace_id=trace_id_of(job.trace))
