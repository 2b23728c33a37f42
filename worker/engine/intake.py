"""intake: whether a request may begin for which nothing can have been paid yet.

Held requests leave no trace: no record, no attempt, no write. They rest until there is a chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from worker.contracts.request import Request, content_digest
from worker.engine.accept import is_past
from worker.engine.circuit import CLOSED, Circuit, CircuitState
from worker.engine.in_flight import InFlight
from worker.engine.pace import Pace
from worker.engine.trouble import Carrier, Delivery, retry
from worker.engine.world import World
from worker.errors import HeldBackError
from worker.jobs.job import Job, JobState
from worker.jobs.outcomes import RetryLater
from worker.jobs.pacing import rest_s
from worker.ports.notices import HoldReason

log = structlog.get_logger(__name__)

_LOOK_AGAIN_S = 1.0
"""How soon a driver asks again while a probe is under way."""

_USUAL_REQUESTS = 7
"""HTTP requests of a new job until it is in flight: two uploads and a run."""

_SPREAD = 1.5
"""Held requests come back within half as long again, not all at the next try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a driver should do about new requests now."""

    reason: HoldReason | None = None
    """Why they are held; None: they are not."""
    until: datetime | None = None
    """When the next try is due (aware UTC)."""
    for_s: float = 0.0
    """Take none for so long; 0: take some now."""
    most: int = 1_000_000
    """So many make sense at once. 1 with a reason: the one that finds out."""


class IntakeGate:
    """Lets requests in, or sends them to rest."""

    def __init__(self, world: World, *, circuit: Circuit, pace: Pace, in_flight: InFlight) -> None:
        self._world = world
        self._circuit = circuit
        self._pace = pace
        self._in_flight = in_flight

    def intake(self) -> Intake:
        """What a driver should do about new requests now. Asks nobody, changes nothing."""
        state = self._circuit.state
        if state.reason is not None:
            for_s = _LOOK_AGAIN_S if state.is_probing else self._left_s(state)
            return Intake(reason=state.reason, until=state.next_try_at, for_s=for_s, most=1)
        room = self._in_flight.known_room()
        if room == 0:
            return Intake(reason=HoldReason.IN_FLIGHT, for_s=_LOOK_AGAIN_S)
        wait_s = self._pace.wait_s("upload")
        if wait_s > 0:
            return Intake(reason=HoldReason.PACE, for_s=wait_s)
        most = self._pace.room(_USUAL_REQUESTS)
        return Intake(most=most if room is None else min(most, room))

    def enter(self, request: Request, delivery: Delivery) -> Delivery | RetryLater:
        """The delivery to go on with, as the probe if it is one; or the rest of a held request.

        `leave` must follow a delivery. What is paid for passes, as does what is over or about to
        be refused. So does a message that SQS would soon move away while Hautech is in trouble: that
        one gets a reason. A limit of our own is no reason, and holds for it as for all others.
        """
        if request.origin is not None and request.origin.batch is not None:
            self._in_flight.batches.saw(request.origin.batch.id)
        is_in_trouble = self._circuit.state is not CLOSED
        is_last = delivery.is_last(self._world.rules)
        is_held = not is_last if is_in_trouble else self._is_at_a_limit()
        if not is_held:
            return delivery
        if not self._would_begin(request, self._world.store.load(request.request_id)):
            return delivery
        probe = self._circuit.take_probe()
        if probe is not None:
            return replace(delivery, probe=probe)
        error = self._held_back(delivery)
        if error is None:
            return delivery
        later = retry(self._world, error, delivery, failures=0)
        log.info(f"again in {later.after_s:.0f} s: {later.because}", action="request_held")
        return later

    def enter_poll(self, job: Job, delivery: Delivery) -> Delivery:
        """The delivery of a poll message to go on with, as the probe if its held job can be one.

        A poll message carries a job that nothing was paid for yet after somebody woke or redrove
        it. There may be no request for hours that could find out instead. `leave` must follow.
        """
        is_new = self._may_begin(job) and not is_past(job.expires_at, self._world)
        if not is_new or delivery.is_last(self._world.rules):
            return delivery
        return replace(delivery, probe=self._circuit.take_probe())

    def leave(self, delivery: Delivery) -> None:
        """The message that entered has been dealt with."""
        if delivery.probe is not None:
            self._circuit.end_probe(delivery.probe)

    def check(self, job: Job, delivery: Delivery) -> None:
        """Raise HeldBackError when a job may not get on with what nobody has paid for yet.

        What is in flight already is not held back: it would wait for itself. So would a job that
        was redriven or woken, by the limit of jobs in flight: its poll message is counted.
        The last delivery of a message is held back by limits alone, as in `enter`.
        """
        if delivery.probe is not None or job.may_have_cost:
            return
        is_last = delivery.is_last(self._world.rules)
        error = self._without_a_turn(delivery) if is_last else self._held_back(delivery)
        if error is not None:
            raise error

    def _would_begin(self, request: Request, job: Job | None) -> bool:
        """Whether this request would lead to new calls that nobody has paid for."""
        if is_past(request.expires_at, self._world):
            return False
        if job is None:
            return True
        return job.content_digest == content_digest(request) and self._may_begin(job)

    def _may_begin(self, job: Job) -> bool:
        """Whether the job is going to make calls that nobody has paid for yet."""
        is_settled = job.state.is_final or job.state is JobState.ANNOUNCING
        return not is_settled and not job.may_have_cost

    def _left_s(self, state: CircuitState) -> float:
        if state.next_try_at is None:
            return 0.0
        return max(0.0, (state.next_try_at - self._world.now()).total_seconds())

    def _is_at_a_limit(self) -> bool:
        return self._pace.wait_s("upload") > 0 or self._in_flight.room() == 0

    def _held_back(self, delivery: Delivery) -> HeldBackError | None:
        """Why nothing new is begun now, and when it makes sense to try; None when it may begin."""
        state = self._circuit.state
        if state is not CLOSED:
            after_s = self._rest_s(state, delivery)
            return HeldBackError(f"intake is held: {state.said}", retry_after_s=after_s)
        return self._without_a_turn(delivery)

    def _without_a_turn(self, delivery: Delivery) -> HeldBackError | None:
        """As `_held_back`, by the limits alone."""
        if delivery.carrier is Carrier.REQUEST and self._in_flight.room() == 0:
            after_s = self._in_flight.wait_s()
            return HeldBackError("as many jobs are in flight as may be", retry_after_s=after_s)
        turn_s = self._pace.turn_s("upload")
        if turn_s > 0:
            return HeldBackError("no turn at Hautech's pace yet", retry_after_s=turn_s)
        return None

    def _rest_s(self, state: CircuitState, delivery: Delivery) -> float:
        """Until the next try, spread; longer for a message that has been delivered often, so that
        a driver that cannot stop receiving does not wear it out.
        """
        rules, random = self._world.rules, self._world.random
        spread_s = self._left_s(state) * random.uniform(1.0, _SPREAD)
        patience_s = rest_s(
            delivery.rests,
            least_s=rules.systemic_wait_s,
            most_s=rules.systemic_wait_max_s,
            random=random,
        )
        return max(spread_s, patience_s)
