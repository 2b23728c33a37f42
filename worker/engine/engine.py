"""One message in, one outcome out: the engine advances a job as far as it goes without waiting.

    request message ─► accept ─┐
                               ├─► advance: upload ─► submit ─► (poll) ─► collect ─► announce
    poll message ─► look ──────┘

It never sleeps and never raises: every error becomes an outcome, by the table in `classify`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import structlog

from worker.contracts.poll import parse_poll
from worker.contracts.readable import readable_request_id
from worker.contracts.request import Request, content_digest
from worker.engine import announce, collect, poll, submit, trouble, upload
from worker.engine.accept import (
    message_digest,
    read_request,
    recheck_unpaid,
    record,
    refuse_if_expired,
)
from worker.engine.circuit import Circuit
from worker.engine.classify import Decision, classify
from worker.engine.guarded_hautech import GuardedHautech
from worker.engine.in_flight import InFlight
from worker.engine.intake import Intake, IntakeGate
from worker.engine.limits import Limits
from worker.engine.notices import Notices
from worker.engine.observing import NoObserver
from worker.engine.pace import Pace
from worker.engine.reconcile import ReconcileReport, reconcile
from worker.engine.rules import EngineRules
from worker.engine.trouble import Carrier, Delivery
from worker.engine.wake import send_poll
from worker.engine.world import HeldJob, World
from worker.errors import (
    AttemptsExhaustedError,
    HeldBackError,
    LostRaceError,
    PermanentError,
    PollMessageError,
    RecordTooLargeError,
    RequestError,
    Stage,
)
from worker.jobs import plan
from worker.jobs.document import JobDocumentError
from worker.jobs.job import Job, JobState
from worker.jobs.keys import refusal_event_id
from worker.jobs.outcomes import Done, Outcome, PollAgain, RetryLater
from worker.jobs.transitions import (
    await_pipelines,
    carry_on,
    note_failure,
    note_rest,
    without_outputs,
)
from worker.ports import (
    Clock,
    ImageGeneration,
    JobStore,
    NoticeBoard,
    ObjectStore,
    Observer,
    ReceivedMessage,
    ResultTopic,
    WorkBudget,
    WorkQueue,
)

log = structlog.get_logger(__name__)

_UPLOAD_S = 10.0
_ANNOUNCE_S = 3.0
"""Time that must be left to begin these pieces of work, in seconds."""

_NOT_UNDERSTOOD_S = 300.0
"""How long a message rests whose text or record is of another release."""

_STAGES: dict[type[plan.Move], Stage] = {
    plan.Upload: "upload",
    plan.Submit: "submit",
    plan.FindOut: "submit",
    plan.Wait: "poll",
    plan.Collect: "collect",
    plan.Announce: "announce",
    plan.Nothing: "announce",
}


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
        board: NoticeBoard | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer or NoObserver()
        self._notices = Notices(board)
        self._circuit = Circuit(clock=clock, random=random, tell=self._notices.note)
        most_per_s = rules.hautech_requests_per_s
        self._pace = Pace(clock=clock, random=random, most_per_s=most_per_s)
        self._in_flight = InFlight(queue, clock=clock, random=random, most=rules.in_flight_most)
        self._hautech = GuardedHautech(
            hautech,
            circuit=self._circuit,
            pace=self._pace,
            in_flight=self._in_flight,
            observer=self._observer,
        )
        self._world = World(
            store=store,
            queue=queue,
            objects=objects,
            topic=topic,
            hautech=self._hautech,
            observer=self._observer,
            clock=clock,
            rules=rules,
            random=random,
            new_token=new_token,
        )
        self._gate = IntakeGate(
            self._world, circuit=self._circuit, pace=self._pace, in_flight=self._in_flight
        )

    def intake(self) -> Intake:
        """Whether new requests are taken now; polls always are."""
        return self._gate.intake()

    def limits(self) -> Limits:
        """What limits new work now. Asks nobody."""
        return Limits(
            circuit=self._circuit.state,
            pace=self._pace.state(),
            in_flight=self._in_flight.state(),
        )

    def handle_request(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the requests queue, after doing what it asks for."""
        delivery = Delivery(Carrier.REQUEST, message.receive_count)
        outcome = self._answer(self._request, message.body, delivery, budget)
        self._notices.post()
        self._observer.handled("requests", outcome)
        return outcome

    def handle_poll(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the polls queue, after following the job it names."""
        delivery = Delivery(Carrier.POLL, message.receive_count)
        outcome = self._answer(self._poll, message.body, delivery, budget)
        self._notices.post()
        self._observer.handled("polls", outcome)
        return outcome

    def reconcile(self, budget: WorkBudget) -> ReconcileReport:
        """Wake open jobs that nothing may wake any more. To be called every few minutes.

        Raises errors of the store and of the queue; the next call finds what is left.
        """
        return reconcile(self._world, budget)

    def _answer(
        self,
        handle: Callable[[str, Delivery, WorkBudget], Outcome],
        body: str,
        delivery: Delivery,
        budget: WorkBudget,
    ) -> Outcome:
        """Errors that met no held job: nothing is recorded, the message comes back."""
        structlog.contextvars.clear_contextvars()
        try:
            return handle(body, delivery, budget)
        except JobDocumentError as error:
            # Whatever the message asks for, only a release that knows the whole job can answer.
            log.warning(error.message, action="record_unreadable")
            return RetryLater(_NOT_UNDERSTOOD_S, error.message)
        except Exception as error:  # noqa: BLE001 -- a driver must get an outcome, whatever happened
            return trouble.retry(self._world, error, delivery, failures=delivery.count)
        finally:
            # The thread's next message, or next log line, has nothing to do with this job.
            structlog.contextvars.clear_contextvars()

    # -- requests ----------------------------------------------------------------------------

    def _request(self, body: str, delivery: Delivery, budget: WorkBudget) -> Outcome:
        try:
            request = read_request(self._world, body)
        except RequestError as error:
            return self._refuse(body, error, delivery, budget)
        structlog.contextvars.bind_contextvars(request_id=request.request_id)
        entered = self._gate.enter(request, delivery)
        if isinstance(entered, RetryLater):
            return entered
        try:
            return self._begin(request, body, entered, budget)
        finally:
            self._gate.leave(entered)

    def _begin(
        self, request: Request, body: str, delivery: Delivery, budget: WorkBudget
    ) -> Outcome:
        """A request that is let in."""
        try:
            known = record(self._world, request, body, budget)
        except (RequestError, RecordTooLargeError) as error:
            event_id = refusal_event_id(request.request_id, content_digest(request))
            announce.reject(self._world, body, error, event_id=event_id)
            return Done()
        if isinstance(known, HeldJob):
            log.info("request accepted", action="job_accepted", job_state=known.job.state)
            return self._advance(known, delivery)
        return self._go_on(known, delivery, budget)

    def _go_on(self, job: Job, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """A request of a job that is known already."""
        if job.state.is_final:
            log.info(
                f"the request came again; its job is over: {job.state}",
                action="request_repeated",
                job_state=job.state,
            )
            return Done()
        return self._advance(HeldJob.take(self._world, job, budget), delivery)

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
            announce.reject(self._world, body, error)
            return Done()
        structlog.contextvars.bind_contextvars(request_id=job.request_id)
        if job.state is not JobState.ACCEPTED or job.may_have_cost:
            return self._go_on(job, delivery, budget)
        held = HeldJob.take(self._world, job, budget)
        return self._recover(held, error, "accept", delivery)

    # -- polls -------------------------------------------------------------------------------

    def _poll(self, body: str, delivery: Delivery, budget: WorkBudget) -> Outcome:
        self._in_flight.refresh()
        try:
            poll_message = parse_poll(body)
        except PollMessageError as error:
            return self._refuse_poll(body, error)
        structlog.contextvars.bind_contextvars(request_id=poll_message.request_id)
        job = self._world.store.load(poll_message.request_id)
        if job is None or job.state.is_final or job.poll_ticket != poll_message.ticket:
            log.info(
                "a poll message that no job waits for was dropped",
                action="poll_dropped",
                job_state=job.state if job else None,
            )
            return Done()
        _bind(job)
        if isinstance(plan.next_move(job, at=self._world.now()), plan.Wait):
            return self._look(job, delivery, budget)
        held = HeldJob.take(self._world, job, budget)
        try:
            recheck_unpaid(self._world, job)
        except RequestError as error:
            return self._recover(held, error, "accept", delivery)
        entered = self._gate.enter_poll(job, delivery)
        try:
            return self._advance(held, entered)
        finally:
            self._gate.leave(entered)

    def _refuse_poll(self, body: str, error: PollMessageError) -> Outcome:
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
            return RetryLater(_NOT_UNDERSTOOD_S, error.message)
        announce.dead_letter(self._world, body, error)
        return Done()

    def _look(self, job: Job, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """Ask about the running pipelines. A pending one costs no write and no lease."""
        try:
            reports = poll.look(self._world_for_one_piece(), job)
        except Exception as error:  # noqa: BLE001 -- classified by the table
            if isinstance(error, HeldBackError):
                return trouble.retry(self._world, error, delivery, failures=1)
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

    def _advance(self, held: HeldJob, delivery: Delivery) -> Outcome:
        """Make one move after the other until only time is missing or the job is over."""
        while True:
            move = plan.next_move(held.job, at=self._world.now())
            _bind(held.job)
            try:
                outcome = self._make(move, held, delivery)
            except Exception as error:  # noqa: BLE001 -- classified by the table
                return self._recover(held, error, _STAGES[type(move)], delivery)
            if outcome is not None:
                return outcome

    def _make(self, move: plan.Move, held: HeldJob, delivery: Delivery) -> Outcome | None:
        """Make one move. Returns None when the next one can follow at once."""
        world = self._world_for_one_piece()
        match move:
            case plan.Upload(uri):
                self._gate.check(held.job, delivery)
                held.need(_UPLOAD_S, "an upload")
                refuse_if_expired(held.job, world)
                held.renew_if_short()
                held.job = upload.upload_image(world, held.job, uri)
                log.info(f"{uri} is at Hautech", action="image_uploaded")
            case plan.Submit(step):
                self._gate.check(held.job, delivery)
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

    # -- trouble -----------------------------------------------------------------------------

    def _recover(
        self, held: HeldJob, error: Exception, stage: Stage, delivery: Delivery
    ) -> Outcome:
        """Decide about an error of a held job, write down what is to be remembered, answer."""
        try:
            decision = classify(error).decision
            if decision is Decision.YIELD or not held.is_held:
                unseen = delivery.failures_unseen
                return trouble.retry(self._world, error, delivery, failures=unseen)
            is_open = held.job.state is not JobState.ANNOUNCING
            if decision is Decision.FAIL and is_open:
                assert isinstance(error, PermanentError)  # noqa: S101 -- the table says so
                return self._fail(held, error, stage, delivery)
            if decision in {Decision.RETRY, Decision.RETRY_LOUDLY, Decision.FAIL}:
                held.job = note_failure(
                    held.job, because=f"{stage}: {trouble.text_of(error)}", at=self._world.now()
                )
            if decision is Decision.HOLD:
                because = f"{stage}: resting: {trouble.text_of(error)}"
                held.job = note_rest(held.job, because=because, at=self._world.now())
            if is_open and trouble.is_exhausted(self._world, held.job, stage, delivery, decision):
                return self._fail(held, trouble.exhausted_error(held.job, error), stage, delivery)
            held.release()
            return trouble.retry(self._world, error, delivery, failures=max(1, held.job.failures))
        except Exception as second:  # noqa: BLE001 -- the record cannot be written: the message stays
            if trouble.is_poison(second, delivery):
                return self._fail_plainly(held, second, stage, delivery)
            log.warning(
                f"while dealing with: {trouble.text_of(error)}",
                action="recovery_failed",
                stage=stage,
            )
            # Our own write may be what moved the record: then the first trouble says how long.
            said = error if isinstance(second, LostRaceError) else second
            return trouble.retry(self._world, said, delivery, failures=delivery.failures_unseen)

    def _fail_plainly(
        self, held: HeldJob, error: Exception, stage: Stage, delivery: Delivery
    ) -> Outcome:
        """Give up a job whose record cannot be written as it is: from what was saved last."""
        saved = self._world.store.load(held.job.request_id)
        if saved is None or saved.lease is None or saved.lease != held.job.lease:
            return trouble.retry(self._world, error, delivery, failures=1)
        plain = AttemptsExhaustedError(f"the record cannot be written: {type(error).__name__}")
        held.job = without_outputs(saved)
        return self._fail(held, plain, stage, delivery)

    def _fail(
        self, held: HeldJob, error: PermanentError, stage: Stage, delivery: Delivery
    ) -> Outcome:
        log.warning(
            f"the job fails: {error.message}",
            action="job_failing",
            error_code=error.code,
            stage=stage,
        )
        poll.look_at_siblings(self._world, held)
        if isinstance(error, RecordTooLargeError):
            held.job = without_outputs(held.job)
        announce.settle_failure(self._world, held, error, stage)
        return self._advance(held, delivery)


def _bind(job: Job) -> None:
    """Put the job's state and pipelines on every log line from here on."""
    ids = [step.pipeline.pipeline_id for step in job.steps if step.pipeline]
    structlog.contextvars.bind_contextvars(
        job_state=str(job.state), pipeline_id=",".join(ids) or None
    )
