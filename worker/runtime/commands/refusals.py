"""Finds requests that were refused before they became jobs: they have no record, only a dead letter.

Looking is gentle: not before a request has been without a record for a few seconds, and then
every few seconds. Every dead letter that is read is visible to others again at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from worker.adapters.messages import QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.readable import readable_request_id
from worker.contracts.text import shorten
from worker.errors import TransientError, WorkerError
from worker.ports.clock import Clock
from worker.runtime.commands.advice import NO_REASON
from worker.runtime.commands.letters import look
from worker.runtime.commands.services import DeadLetterQueue, Services
from worker.runtime.commands.wording import moment

PATIENCE_S: Final = 4
"""A worker that is there has taken a request by then."""
EVERY_S: Final = 5
_LOOKED_AT: Final = 500
_SKEW_S: Final = 10
"""Between this machine's clock and those of the workers and of SQS."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request never became a job. `code` is None if no worker gave a reason."""

    code: str | None
    message: str
    stage: str | None
    at: datetime

    def __str__(self) -> str:
        """The reason and, since an old dead letter may be met again, when it was given."""
        code = f"{self.code}: " if self.code else ""
        return f"{code}{shorten(self.message, 1000)} (refused {moment(self.at)})"


class Refusals:
    """Looks into the dead-letter queue for requests without a record.

    Args:
        services: Where the queue is, if it is set.
        bodies: By id, the messages that were just sent: then only a new dead letter with the
            same body counts. Without, the newest with the id counts.
    """

    def __init__(self, services: Services, bodies: Mapping[str, str] | None = None) -> None:
        self._clock: Clock = services.clock
        is_set = bool(services.settings.dead_letter_queue_url)
        self._queue: DeadLetterQueue | None = services.dead_letter_queue if is_set else None
        self._bodies = bodies
        self._since = self._clock.now()
        self._look_at = self._since + timedelta(seconds=PATIENCE_S)
        self.hint = ""
        """What the user may do, where we cannot look; "" as long as there is nothing to say."""

    def find(self, missing: Sequence[str]) -> dict[str, Refusal]:
        """Refusals of these requests, by id; usually looks at nothing and finds none."""
        now = self._clock.now()
        if not missing or now < self._look_at:
            return {}
        self._look_at = now + timedelta(seconds=EVERY_S)
        if self._queue is None:
            self.hint = self.hint or (
                f"No worker has taken {missing[0]} yet. Was it refused? "
                "hautech-worker dead-letters has the reason (it needs "
                "WORKER_DEAD_LETTER_QUEUE_URL; with it, this command looks by itself)."
            )
            return {}
        try:
            letters = look(self._queue, limit=_LOOKED_AT)
        except TransientError:
            return {}
        except WorkerError as error:
            self._queue = None
            self.hint = f"Cannot look whether {missing[0]} was refused: {error.message}"
            return {}
        found: dict[str, Refusal] = {}
        for letter in letters:
            request_id, refusal = _read(letter)
            if request_id not in missing or not self._is_ours(request_id, letter, refusal):
                continue
            known = found.get(request_id)
            if known is None or known.at < refusal.at:
                found[request_id] = refusal
        return found

    def _is_ours(self, request_id: str, letter: QueueMessage, refusal: Refusal) -> bool:
        if self._bodies is None:
            return True
        is_new = refusal.at >= self._since - timedelta(seconds=_SKEW_S)
        return is_new and letter.body == self._bodies.get(request_id)


def _read(letter: QueueMessage) -> tuple[str, Refusal]:
    reason = DeadLetterReason.from_attributes(letter.attributes)
    request_id = (reason and reason.request_id) or readable_request_id(letter.body) or ""
    if reason is None:
        return request_id, Refusal(None, NO_REASON, None, letter.sent_at)
    return request_id, Refusal(
        reason.error_code, reason.error_message, reason.error_stage, reason.failed_at
    )
