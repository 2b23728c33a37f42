"""One message in, one outcome out: the engine advances a job as far as it goes without waiting.

    request message ─► accept ─┐
                               ├─► advance: upload ─► submit ─► (poll) ─► collect ─► announce
    poll message ─► look ──────┘

It never sleeps and never raises: every error becomes an outcome, by the table in `classify`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import structlog

from worker.contracts.poll import PollMessage, parse_poll
from worker.engine import announce, collect, poll, submit, upload
from worker.engine.accept import read_request, record, refuse_if_expired
from worker.engine.classify import Decision, classify, wait_for_lease_s
from worker.engine.rules import EngineRules
from worker.engine.world import HeldJob, World
from worker.errors import (
    AttemptsExhaustedError,
    LeaseHeldError,
    LostRaceError,
    PermanentError,
    PollMessageError,
    RequestError,
    Stage,
    WorkerError,
)
from worker.jobs import plan
from worker.jobs.job import Job, JobState
from worker.jobs.outcomes import Done, Outcome, PollAgain, RetryLater
from worker.jobs.pacing import backoff_s, rest_s
from worker.jobs.transitions import await_pipelines, note_failure
from worker.ports import (
    Clock,
    ImageGeneration,
    JobStore,
    ObjectStore,
    ReceivedMessage,
    ResultTopic,
    WorkBudget,
    WorkQueue,
)

log = structlog.get_logger(__name__)

_UPLOAD_S = 10.0
_ANNOUNCE_S = 3.0
"""Time that must be left to begin these pieces of work, in seconds."""

_POLL_RESTS = 3
"""Poll messages rest four times the least: 120 s a time makes 1,000 deliveries last 33 hours."""

_STAGES: dict[type[plan.Move], Stage] = {
    plan.Upload: "upload",
    plan.Submit: "submit",
    plan.FindOut: "submit",
    plan.Wait: "poll",
    plan.Collect: "collect",
    plan.Announce: "announce",
    plan.Nothing: "announce",
}


class _Carrier(Enum):
    """Which message carries the job on."""

    REQUEST = "request"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class _Delivery:
    """The message in hand: which kind it is, and how often the queue has delivered it."""

    carrier: _Carrier
    count: int

    @property
    def rests(self) -> int:
        """How far the rest of this message has grown, when somebody else is down.

        Polls are delivered often anyway, so their count says nothing about trouble.
        """
        return self.count if self.carrier is _Carrier.REQUEST else _POLL_RESTS


class Engine:
    """Handles messages; safe to call from several threads at once."""

    def __init__(
        self,
        *,
        store: JobStore,
        queue: WorkQueue,
        objects: ObjectStore,
        topic: ResultTopic,
        hautech: ImageGeneration,
        clock: Clock,
        rules: EngineRules,
        random: random.Random,
        new_token: Callable[[], str],
    ) -> None:
        self._world = World(
            store=store,
            queue=queue,
            objects=objects,
            topic=topic,
            hautech=hautech,
            clock=clock,
            rules=rules,
            random=random,
            new_token=new_token,
        )

    def handle_request(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the requests queue, after doing what it asks for."""
        delivery = _Delivery(_Carrier.REQUEST, message.receive_count)
        return self._answer(self._request, message.body, delivery, budget)

    def handle_poll(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the polls queue, after following the job it names."""
        delivery = _Delivery(_Carrier.POLL, message.receive_count)
        return self._answer(self._poll, message.body, delivery, budget)

    def _answer(
        self,
        handle: Callable[[str, _Delivery, WorkBudget], Outcome],
        body: str,
        delivery: _Delivery,
        budget: WorkBudget,
    ) -> Outcome:
        """Errors that met no held job: nothing is recorded, the message comes back."""
        structlog.contextvars.clear_contextvars()
        try:
            return handle(body, delivery, budget)
        except Exception as error:  # noqa: BLE001 -- a driver must get an outcome, whatever happened
            return self._retry(error, delivery, failures=delivery.count)

    # -- requests ----------------------------------------------------------------------------

    def _request(self, body: str, delivery: _Delivery, budget: WorkBudget) -> Outcome:
        try:
            request = read_request(self._world, body)
            structlog.contextvars.bind_contextvars(request_id=request.request_id)
            known = record(self._world, request, budget)
        except RequestError as error:
            announce.reject(self._world, body, error)
            return Done()
        if isinstance(known, HeldJob):
            log.info("request accepted", action="job_accepted", job_state=known.job.state)
            return self._advance(known, delivery)
        if known.state.is_final:
            log.info(
                f"the request came again; its job is over: {known.state}",
                action="request_repeated",
                job_state=known.state,
            )
            return Done()
        return self._advance(HeldJob.take(self._world, known, budget), delivery)

    # -- polls -------------------------------------------------------------------------------

    def _poll(self, body: str, delivery: _Delivery, budget: WorkBudget) -> Outcome:
        try:
            poll_message = parse_poll(body)
        except PollMessageError as error:
            announce.reject(self._world, body, error)
            return Done()
        structlog.contextvars.bind_contextvars(request_id=poll_message.request_id)
        job = self._world.store.load(poll_message.request_id)
        if job is None or job.state.is_final or job.poll_ticket != poll_message.ticket:
            log.info(
                "a poll message that no job waits for was dropped",
                action="poll_dropped",
                job_state=job.state if job else None,
            )
            return Done()
        if job.lease is not None and job.lease.until > self._world.now():
            raise LeaseHeldError(job.lease.until)
        if not isinstance(plan.next_move(job, at=self._world.now()), plan.Wait):
            return self._advance(HeldJob.take(self._world, job, budget), delivery)
        return self._look(job, delivery, budget)

    def _look(self, job: Job, delivery: _Delivery, budget: WorkBudget) -> Outcome:
        """Ask about the running pipelines. A pending one costs no write and no lease."""
        try:
            reports = poll.look(self._world, job)
        except Exception as error:  # noqa: BLE001 -- classified by the table
            held = HeldJob.take(self._world, job, budget)
            return self._recover(held, error, "poll", delivery)
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
            return self._recover(held, error, "poll", delivery)
        return self._advance(held, delivery)

    # -- the story ---------------------------------------------------------------------------

    def _advance(self, held: HeldJob, delivery: _Delivery) -> Outcome:
        """Make one move after the other until only time is missing or the job is over."""
        while True:
            move = plan.next_move(held.job, at=self._world.now())
            structlog.contextvars.bind_contextvars(
                job_state=str(held.job.state), pipeline_id=_pipeline_ids(held.job)
            )
            try:
                outcome = self._make(move, held, delivery)
            except Exception as error:  # noqa: BLE001 -- classified by the table
                return self._recover(held, error, _STAGES[type(move)], delivery)
            if outcome is not None:
                return outcome

    def _make(self, move: plan.Move, held: HeldJob, delivery: _Delivery) -> Outcome | None:
        """Make one move. Returns None when the next one can follow at once."""
        world = self._world
        match move:
            case plan.Upload(uri):
                held.need(_UPLOAD_S, "an upload")
                refuse_if_expired(held.job, world)
                held.renew_if_short()
                held.job = upload.upload_image(world, held.job, uri)
                log.info(f"{uri} is at Hautech", action="image_uploaded")
            case plan.Submit(step):
                submit.submit(world, held, step)
                self._keep_what_was_paid(held)
            case plan.FindOut(step):
                wait_s = submit.find_out(world, held, step)
                if wait_s is not None:
                    held.release()
                    return RetryLater(wait_s, "looking for a run whose answer was lost")
                self._keep_what_was_paid(held)
            case plan.Wait():
                return self._wait(held, delivery)
            case plan.Collect():
                outputs = collect.collect(world, held)
                announce.settle_success(world, held, outputs)
            case plan.Announce():
                held.need(_ANNOUNCE_S, "the announcement")
                announce.announce(world, held)
            case plan.Nothing():
                return Done()
        return None

    def _keep_what_was_paid(self, held: HeldJob) -> None:
        """Save a new pipeline id before anything slow; another save follows at once otherwise."""
        following = plan.next_move(held.job, at=self._world.now())
        if not isinstance(following, plan.Wait | plan.Submit):
            held.save()

    def _wait(self, held: HeldJob, delivery: _Delivery) -> Outcome:
        """Hand the job over to its poll message; from here on nothing of it is held anywhere."""
        delay_s = poll.first_delay_s(self._world, held.job)
        if delivery.carrier is _Carrier.POLL:
            held.release()
            log.info(f"next poll in {delay_s} s", action="waiting")
            return PollAgain(delay_s)
        because = f"first poll in {delay_s} s"
        held.job = await_pipelines(held.job, because=because, at=self._world.now())
        held.release()
        job = held.job
        message = PollMessage(request_id=job.request_id, ticket=job.poll_ticket)
        self._world.queue.send_poll(message, delay_s=delay_s)
        log.info(because, action="waiting", job_state=str(job.state))
        return Done()

    # -- trouble -----------------------------------------------------------------------------

    def _recover(
        self, held: HeldJob, error: Exception, stage: Stage, delivery: _Delivery
    ) -> Outcome:
        """Decide about an error of a held job, write down what is to be remembered, answer."""
        try:
            advice = classify(error)
            if advice.decision is Decision.YIELD or not held.is_held:
                return self._retry(error, delivery, failures=1)
            if advice.decision is Decision.FAIL and held.job.state is not JobState.ANNOUNCING:
                assert isinstance(error, PermanentError)  # noqa: S101 -- the table says so
                return self._fail(held, error, stage, delivery)
            if advice.decision in {Decision.HOLD, Decision.STOP}:
                held.release()
                return self._retry(error, delivery, failures=1)
            held.job = note_failure(
                held.job, because=f"{stage}: {_text(error)}", at=self._world.now()
            )
            if self._is_exhausted(held.job, stage):
                final = AttemptsExhaustedError(
                    f"{held.job.failures} attempts in a row failed, the last with: {_text(error)}"
                )
                return self._fail(held, final, stage, delivery)
            held.release()
            return self._retry(error, delivery, failures=held.job.failures)
        except Exception as second:  # noqa: BLE001 -- the record cannot be written: the message stays
            log.warning(
                f"while dealing with: {_text(error)}", action="recovery_failed", stage=stage
            )
            return self._retry(second, delivery, failures=1)

    def _is_exhausted(self, job: Job, stage: Stage) -> bool:
        """Whether a passing trouble has lasted too long for this job.

        What is paid for is followed as long as its pipeline may run, and a verdict is announced
        however long it takes: there is nothing better to do with it.
        """
        if job.state is JobState.ANNOUNCING:
            return False
        if stage == "poll":
            return poll.has_late_step(self._world, job)
        return job.failures >= self._world.rules.max_attempts

    def _fail(
        self, held: HeldJob, error: PermanentError, stage: Stage, delivery: _Delivery
    ) -> Outcome:
        log.warning(
            f"the job fails: {error.message}",
            action="job_failing",
            error_code=error.code,
            stage=stage,
        )
        announce.settle_failure(self._world, held, error, stage)
        return self._advance(held, delivery)

    def _retry(self, error: Exception, delivery: _Delivery, *, failures: int) -> RetryLater:
        """The outcome for an error that leaves the message where it is."""
        world = self._world
        advice = classify(error)
        match advice.decision:
            case Decision.STOP:
                after_s = 0.0
            case Decision.HOLD:
                after_s = rest_s(
                    delivery.rests,
                    least_s=world.rules.systemic_wait_s,
                    most_s=world.rules.systemic_wait_max_s,
                    random=world.random,
                )
            case Decision.YIELD:
                assert isinstance(error, LostRaceError)  # noqa: S101 -- the table says so
                after_s = wait_for_lease_s(error, now_s=world.now().timestamp())
            case _:
                after_s = backoff_s(failures, random=world.random)
                if advice.retry_after_s is not None:
                    after_s = advice.retry_after_s
        because = _text(error)
        if advice.decision is Decision.RETRY_LOUDLY:
            log.error(f"unforeseen: {because}", action="retry", exc_info=error)
        else:
            log.info(f"again in {after_s:.0f} s: {because}", action="retry")
        return RetryLater(after_s, because)


def _text(error: Exception) -> str:
    return error.message if isinstance(error, WorkerError) else repr(error)


def _pipeline_ids(job: Job) -> str | None:
    ids = [step.pipeline.pipeline_id for step in job.steps if step.pipeline]
    return ",".join(ids) or None
