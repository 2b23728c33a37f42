"""What one message goes through, whoever brings it: held, handled, let go, answered. No threads.

    received ─► hold ─► engine ─► outcome ─► verb ─► let go ─► answer
                  └── heartbeat: stays hidden ──┘
    stopping ─► given back at once, or when the time to stop is over

The container calls this from its threads, the simulation from its own tasks: what is decided about
a message is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from worker.adapters.messages import QueueMessage
from worker.engine.intake import Intake
from worker.jobs.outcomes import Outcome
from worker.ports.clock import WorkBudget
from worker.ports.queues import ReceivedMessage
from worker.runtime.answers import Answers
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.queue_verbs import GIVE_BACK, QueueVerb, verb_for
from worker.runtime.slots import Kind

_log = structlog.get_logger(__name__)

FLUSH_S: Final = 2.0
"""Kept of the time to stop, for giving back what has not ended and for sending answers."""


class Handlers(Protocol):
    """What a driver needs of the engine."""

    def handle_request(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the requests queue."""

    def handle_poll(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the polls queue."""

    def intake(self) -> Intake:
        """Whether new requests are taken now."""


def as_received(message: QueueMessage) -> ReceivedMessage:
    """The message as the engine takes it."""
    return ReceivedMessage(
        body=message.body, receive_count=message.receive_count, trace=message.trace
    )


class StopBudget:
    """The time left for work: endless until the stop begins, then counting down."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until_s = math.inf

    def end_at(self, until_s: float) -> None:
        """Work must have ended by then (monotonic); only an earlier moment changes anything."""
        self._until_s = min(self._until_s, until_s)

    def remaining_s(self) -> float:
        """See `WorkBudget.remaining_s`. Never negative."""
        return max(0.0, self._until_s - self._monotonic())


class Handling:
    """Decides about messages in hand. Safe to share between threads.

    Args:
        engine: Handles the messages.
        heartbeat: Keeps them hidden meanwhile.
        answers: Takes what is to be done with them.
        monotonic: Clock for all durations, seconds.
    """

    def __init__(
        self,
        *,
        engine: Handlers,
        heartbeat: Heartbeat,
        answers: Answers,
        monotonic: Callable[[], float],
    ) -> None:
        self._handlers = {Kind.REQUESTS: engine.handle_request, Kind.POLLS: engine.handle_poll}
        self._heartbeat = heartbeat
        self._answers = answers
        self._monotonic = monotonic
        self._budget = StopBudget(monotonic)
        self._is_stopping = False

    def hold(self, kind: Kind, messages: Sequence[QueueMessage]) -> float:
        """These messages have just come. Returns when (monotonic), which `handle` wants to know."""
        received_at_s = self._monotonic()
        self._heartbeat.hold(
            kind, [message.receipt_handle for message in messages], received_at_s=received_at_s
        )
        return received_at_s

    def handle(self, kind: Kind, message: QueueMessage, received_at_s: float) -> None:
        """Handles one message that is held and answers the queue. Never raises.

        What is begun after the stop is given back.
        """
        try:
            verb: QueueVerb = GIVE_BACK
            if not self._is_stopping:
                received = as_received(message)
                outcome = self._handlers[kind](received, self._budget)
                verb = verb_for(outcome, held_s=self._monotonic() - received_at_s)
            # In this order: an extension after the answer would undo it.
            self._heartbeat.let_go(message.receipt_handle)
            self._answers.put(kind, message.receipt_handle, verb)
        except Exception:  # noqa: BLE001 - the engine promises not to raise; a bug costs one message
            _log.exception(
                "a bug: a message could not be handled; it comes back by itself",
                action="handler_raised",
                queue=kind,
            )
        finally:
            self._heartbeat.let_go(message.receipt_handle)

    def begin_stop(self, stop_at_s: float) -> None:
        """No message is begun any more; work in hand must have ended shortly before `stop_at_s`."""
        self._budget.end_at(stop_at_s - FLUSH_S)
        self._is_stopping = True

    def hurry(self) -> None:
        """Lets no further piece of work begin; each message ends after the call it is in."""
        self._budget.end_at(self._monotonic())

    def give_back(self) -> None:
        """Makes visible what is still in hand when the time to stop is over.

        The work goes on in its thread until the process ends; its lease keeps others off.
        """
        for held in self._heartbeat.held():
            self._answers.put(held.kind, held.receipt_handle, GIVE_BACK)
