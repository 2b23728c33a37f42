"""Does with a dead letter what `engine.redrive` says, and deletes it last.

load the job ─► reopen it or wake it, or send the message again ─► delete the dead letter
             ▲ a crash in between leaves the dead letter: redrive it again, it is the same job
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from worker.adapters.messages import QueueMessage
from worker.contracts.dead_letter import REASON_ATTRIBUTES, DeadLetterReason
from worker.engine.redrive import Action, Judgement, Letter, judge_letter, redrive
from worker.engine.world import RecordWorld
from worker.errors import LeaseHeldError, LostRaceError
from worker.jobs.job import Job
from worker.ports.clock import WorkBudget

_TRIES: Final = 3
"""A job that is changed under us is read again, so many times in all."""


class RequestQueue(Protocol):
    """Where requests are sent."""

    def send_batched(
        self, body: str, *, attributes: Mapping[str, str] | None = None, delay_s: int = 0
    ) -> None:
        """Sends one message, in one call with those that other threads send now."""


class DeadLetterQueue(Protocol):
    """Where dead letters end."""

    def delete(self, receipt_handle: str) -> bool:
        """Deletes a message. False when it may be delivered again all the same."""


def letter_of(message: QueueMessage) -> Letter:
    """The dead letter in a message of the dead-letter queue."""
    return Letter(message.body, DeadLetterReason.from_attributes(message.attributes))


class Redriving:
    """Redrives dead letters and jobs.

    Args:
        world: The records, and the polls queue.
        requests: Where a message goes that never became a job.
        dead_letters: Where the letters were received from.
    """

    def __init__(
        self, world: RecordWorld, *, requests: RequestQueue, dead_letters: DeadLetterQueue
    ) -> None:
        self._world = world
        self._requests = requests
        self._dead_letters = dead_letters

    def judge(self, message: QueueMessage) -> Judgement:
        """What `redrive` would do. Changes nothing."""
        return self._judge(letter_of(message))[0]

    def redrive(self, message: QueueMessage, budget: WorkBudget) -> Judgement:
        """Do it; the message must have been received just now.

        Raises LeaseHeldError while somebody else redrives the job, and errors of the store and the
        queues. The dead letter stays then.
        """
        for tries_left in reversed(range(_TRIES)):
            judgement, job = self._judge(letter_of(message))
            try:
                if job is not None and judgement.action in {Action.REOPEN, Action.WAKE}:
                    judgement = redrive(self._world, job, budget)
                break
            except LostRaceError as error:
                if isinstance(error, LeaseHeldError) and job is not None and not job.state.is_final:
                    # What carries it is in hand there; should that be lost, reconcile finds it.
                    judgement = Judgement(Action.WAKE, "a worker has the job in hand")
                    break
                if not tries_left or isinstance(error, LeaseHeldError):
                    raise
        if judgement.action is Action.SEND:
            self._requests.send_batched(message.body, attributes=_own(message.attributes))
        if judgement.action.ends_the_letter:
            self._dead_letters.delete(message.receipt_handle)
        return judgement

    def _judge(self, letter: Letter) -> tuple[Judgement, Job | None]:
        request_id = letter.request_id
        job = self._world.store.load(request_id) if request_id else None
        now = self._world.now()
        return judge_letter(letter, job, rules=self._world.rules, now=now), job


def _own(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes that the message came with, without the reason that a worker put on it."""
    return {name: value for name, value in attributes.items() if name not in REASON_ATTRIBUTES}
