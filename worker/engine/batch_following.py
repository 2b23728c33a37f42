"""A follow message of the polls queue: its batch is carried on as far as it goes without waiting.

    count ─► look ─► expand ──┬─ rows are open ─► handed back for 5 … 60 s
              ▲               └─ all over ─► report ─► settle ─► announce ─► deleted
              └── next visit

The polls queue gives a message up after 1,000 deliveries or four days, whichever comes first. A batch
may last longer: in time before either, a new message with a new ticket takes its place.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from worker.batches import moves
from worker.batches.batch import Batch
from worker.batches.states import BatchState
from worker.contracts.follow import FollowMessage, parse_follow
from worker.engine import batch_completion, batch_expansion, batch_lost, batch_rows, trouble
from worker.engine.batch_world import BatchInHand, ReadingInterruptedError, count
from worker.engine.classify import Decision, classify
from worker.engine.follow import send_follow
from worker.engine.telling import text_of
from worker.engine.trouble import Delivery
from worker.engine.world import World
from worker.errors import ManifestError
from worker.jobs.outcomes import Done, Outcome, PollAgain
from worker.jobs.pacing import PollBounds, next_poll_delay_s
from worker.ports.clock import WorkBudget

log = structlog.get_logger(__name__)

RENEW_AFTER: Final = timedelta(hours=12)
"""A message lives four days (`infra/resources.yml`); this is well before."""

PACE: Final = PollBounds(min_s=5, max_s=60)
_READINGS_MOST: Final = 5
"""So many visits in a row that ended before their manifest was read end the batch."""


class BatchFollowing:
    """Carries batches on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def read(self, body: str) -> FollowMessage | None:
        """The follow message in the body of a message of the polls queue; None if it is another one."""
        return parse_follow(body)

    def handle(self, message: FollowMessage, delivery: Delivery, budget: WorkBudget) -> Outcome:
        """What to do with a follow message, after carrying its batch on."""
        structlog.contextvars.bind_contextvars(batch_id=message.batch_id)
        batch = self._world.batches.load(message.batch_id)
        if batch is None or batch.state.is_final or batch.ticket != message.ticket:
            log.info(
                "a follow message that no batch waits for was dropped", action="follow_dropped"
            )
            return Done()
        held = BatchInHand(self._world, batch, budget)
        try:
            is_done = self._carry_on(held)
            return Done() if is_done else self._hand_back(held, delivery)
        except Exception as error:  # noqa: BLE001 -- classified by the table
            return self._recover(held, error, delivery)

    def _carry_on(self, held: BatchInHand) -> bool:
        """As far as it goes. True when the batch is done."""
        world = self._world
        if held.batch.state is BatchState.OPEN:
            # What has ended since makes room for what is sent next.
            batch_rows.look(world, held)
            bad = held.batch.bad
            self._send_rows(held)
            if held.batch.bad > bad:
                batch_rows.look(world, held)
            batch_lost.look_for_lost(world, held)
            if not held.batch.is_over or not batch_completion.settle(world, held):
                return False
        batch_completion.announce(world, held)
        return True

    def _send_rows(self, held: BatchInHand) -> None:
        world = self._world
        try:
            batch_expansion.stop_if_cancelled(world, held)
            if held.batch.rows is None and held.batch.stop is None:
                count(world, held)
                held.save()
            if not held.batch.is_sent:
                batch_expansion.expand(world, held)
        except ManifestError as error:
            log.warning(error.message, action="batch_stopped", error_code=error.code)
            held.batch = moves.stop(held.batch, error.code, error.message, at=world.now())
        except ReadingInterruptedError as error:
            self._note_interruption(held, error)
        held.save()

    def _note_interruption(self, held: BatchInHand, error: ReadingInterruptedError) -> None:
        """Try again, but not for ever: each try begins anew, and nobody would hear of it."""
        now = self._world.now()
        if held.batch.failures + 1 < _READINGS_MOST:
            log.warning(f"its manifest is read anew: {error.message}", action="batch_read_slowly")
            held.batch = moves.note_failure(held.batch, f"again: {error.message}", at=now)
            return
        slow = ManifestError(
            f"manifest: {held.message.manifest}: {_READINGS_MOST} visits ended before it was read "
            f"({error.message}): send it in several batches, or give the function more memory"
        )
        log.warning(slow.message, action="batch_stopped", error_code=slow.code)
        if held.batch.sending > held.batch.read:
            batch_expansion.cancel_unsure(self._world, held, slow)
        held.batch = moves.stop(held.batch, slow.code, slow.message, at=now)

    def _hand_back(self, held: BatchInHand, delivery: Delivery) -> Outcome:
        world, batch = self._world, held.batch
        delay_s = self._delay_s(batch)
        is_old = world.now() - batch.carried_at >= RENEW_AFTER
        if is_old or delivery.count >= delivery.most(world.rules):
            because = f"a new follow message after {delivery.count} deliveries"
            held.batch = moves.carry(batch, because=because, at=world.now())
            held.save()
            try:
                send_follow(world, held.batch, delay_s=delay_s)
            except Exception:
                # Was it sent all the same, it finds that its ticket is none, unless it was first.
                held.batch = moves.carry_as_before(held.batch, batch, at=world.now())
                held.save()
                raise
            log.info(because, action="follow_renewed")
            return Done()
        return PollAgain(delay_s)

    def _delay_s(self, batch: Batch) -> int:
        """Whole seconds until the next look: at once where time was all that was missing."""
        if batch.is_over or batch.rows is None:
            return 1
        idle_s = (self._world.now() - batch.updated_at).total_seconds()
        return next_poll_delay_s(idle_s, None, PACE)

    def _recover(self, held: BatchInHand, error: Exception, delivery: Delivery) -> Outcome:
        """Write down what is to be remembered of an error, and come back."""
        world = self._world
        failures = held.batch.failures + 1
        decision = classify(error).decision
        if decision in {Decision.RETRY, Decision.RETRY_LOUDLY, Decision.FAIL}:
            because = f"again: {text_of(error)}"
            try:
                held.batch = moves.note_failure(held.batch, because, at=world.now())
                held.save()
            except Exception as second:  # noqa: BLE001 -- the record says it next time
                log.warning(f"while noting: {text_of(second)}", action="recovery_failed")
        return trouble.retry(world, error, delivery, failures=failures)
