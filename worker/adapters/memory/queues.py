"""Queues in memory that behave like SQS: delays, visibility, receive counts, a redrive limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from worker.adapters.messages import MAX_RECEIVED, QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.follow import FollowMessage
from worker.contracts.poll import PollMessage
from worker.jobs.pacing import MAX_VISIBILITY_S
from worker.ports.clock import Clock

_LONGEST_HIDDEN = timedelta(seconds=MAX_VISIBILITY_S)


@dataclass(slots=True)
class StoredMessage:
    """A message in the queue. `handle` belongs to its last delivery, None before the first."""

    message_id: str
    body: str
    attributes: dict[str, str]
    sent_at: datetime
    visible_at: datetime
    receive_count: int = 0
    handle: str | None = None
    received_at: datetime | None = None
    """When it was last received: 12 h later, at the latest, it is visible again."""
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What somebody sent: kept for tests after the message itself is gone."""

    body: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0


class MemoryQueue:
    """One queue, safe for threads, with the methods of `SqsQueue`; nothing waits.

    Args:
        clock: says when a message becomes visible.
        dead_letters: where a message goes instead of being received once more than `max_receives`.
        max_receives: as in a redrive policy.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        dead_letters: MemoryQueue | None = None,
        max_receives: int = 1000,
    ) -> None:
        self._clock = clock
        self._dead_letters = dead_letters
        self._max_receives = max_receives
        self._lock = Lock()
        self._put_in = 0
        self._messages: dict[str, StoredMessage] = {}
        self.sent: list[SentMessage] = []
        """Everything that was ever sent, in order."""

    def __len__(self) -> int:
        """Messages in the queue, visible or not."""
        return len(self._messages)

    def send(
        self,
        body: str,
        *,
        attributes: Mapping[str, str] | None = None,
        delay_s: float = 0,
        trace: str | None = None,
    ) -> None:
        """Puts a message in the queue, invisible for `delay_s` seconds."""
        now = self._clock.now()
        kept = {name: value for name, value in (attributes or {}).items() if value}
        with self._lock:
            self._put(body, kept, now, now + timedelta(seconds=delay_s), trace)
            self.sent.append(SentMessage(body, kept, delay_s))

    send_batched = send

    def receive(
        self, *, max_messages: int = MAX_RECEIVED, wait_s: int = 0, visibility_s: float
    ) -> list[QueueMessage]:
        """Up to `max_messages` visible messages, oldest first. Returns at once, whatever `wait_s`."""
        del wait_s
        now = self._clock.now()
        received: list[QueueMessage] = []
        with self._lock:
            for stored in self._in_order(self._messages.values()):
                if stored.visible_at > now or len(received) == max_messages:
                    break
                if stored.receive_count >= self._max_receives and self._dead_letters is not None:
                    del self._messages[stored.message_id]
                    self._dead_letters.move_in(stored.body, stored.attributes)
                    continue
                stored.receive_count += 1
                stored.handle = f"{stored.message_id}-{stored.receive_count}"
                stored.received_at = now
                stored.visible_at = now + timedelta(seconds=visibility_s)
                received.append(_delivered(stored, stored.handle))
        return received

    def delete(self, receipt_handle: str) -> bool:
        """Deletes a message. False when the handle is not of its last delivery."""
        with self._lock:
            stored = self._of(receipt_handle)
            if stored is not None:
                del self._messages[stored.message_id]
        return stored is not None

    def change_visibility(self, receipt_handle: str, seconds: float) -> bool:
        """Hides a message for so long from now.

        False when it is not with us any more, or would be hidden for more than 12 h in all.
        """
        now = self._clock.now()
        with self._lock:
            stored = self._of(receipt_handle)
            # Who comes after the time has passed has lost the message, even if nobody took it yet.
            if stored is None or stored.visible_at <= now:
                return False
            hidden_until = now + timedelta(seconds=seconds)
            if stored.received_at and hidden_until > stored.received_at + _LONGEST_HIDDEN:
                return False
            stored.visible_at = hidden_until
        return True

    def attributes(self) -> dict[str, str]:
        """The attributes that a queue in memory has."""
        return {"ApproximateNumberOfMessages": str(len(self))}

    def close(self) -> None:
        """Nothing waits here."""

    def next_visible_at(self) -> datetime | None:
        """When the next message is, or becomes, visible; None when the queue is empty."""
        with self._lock:
            return min((one.visible_at for one in self._messages.values()), default=None)

    def move_in(self, body: str, attributes: Mapping[str, str]) -> None:
        """Takes a message that another queue gave up; it does not count as sent."""
        now = self._clock.now()
        with self._lock:
            self._put(body, dict(attributes), now, now)

    def purge(self) -> None:
        """Forgets every message, as `PurgeQueue` does."""
        with self._lock:
            self._messages.clear()

    def bodies(self) -> list[str]:
        """The messages in the queue, visible or not, in the order in which they were sent."""
        with self._lock:
            return [one.body for one in self._messages.values()]

    def contents(self) -> list[SentMessage]:
        """As `bodies`, with the attributes."""
        with self._lock:
            return [SentMessage(one.body, one.attributes) for one in self._messages.values()]

    def _put(
        self,
        body: str,
        attributes: dict[str, str],
        sent_at: datetime,
        visible_at: datetime,
        trace: str | None = None,
    ) -> None:
        self._put_in += 1
        message_id = f"message-{self._put_in}"
        self._messages[message_id] = StoredMessage(
            message_id, body, attributes, sent_at, visible_at, trace=trace
        )

    def _in_order(self, messages: Iterable[StoredMessage]) -> list[StoredMessage]:
        """The order in which messages are received, invisible ones last. SQS promises none."""
        return sorted(messages, key=lambda one: one.visible_at)

    def _of(self, receipt_handle: str) -> StoredMessage | None:
        stored = self._messages.get(receipt_handle.rpartition("-")[0])
        return stored if stored is not None and stored.handle == receipt_handle else None


class MemoryWorkQueue:
    """The WorkQueue port on three queues in memory."""

    def __init__(
        self, *, requests: MemoryQueue, polls: MemoryQueue, dead_letters: MemoryQueue
    ) -> None:
        self._requests = requests
        self._polls = polls
        self._dead_letters = dead_letters
        self.sent_polls: list[tuple[PollMessage, int]] = []
        """Each poll message with its delay in seconds."""
        self.sent_dead_letters: list[tuple[str, DeadLetterReason]] = []
        """The body and reason of each dead letter."""

    def send_poll(self, message: PollMessage, *, delay_s: int, trace: str | None = None) -> None:
        """See `WorkQueue.send_poll`."""
        self._polls.send(message.dumps(), delay_s=delay_s, trace=trace)
        self.sent_polls.append((message, delay_s))

    def send_requests(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        """See `WorkQueue.send_requests`."""
        for body in bodies:
            self._requests.send(body, trace=trace)

    def send_follow(self, message: FollowMessage, *, delay_s: int) -> None:
        """See `WorkQueue.send_follow`."""
        self._polls.send(message.dumps(), delay_s=delay_s)

    def send_dead_letter(self, body: str, reason: DeadLetterReason) -> None:
        """See `WorkQueue.send_dead_letter`."""
        self._dead_letters.send(body, attributes=reason.to_attributes())
        self.sent_dead_letters.append((body, reason))

    def jobs_in_flight(self) -> int:
        """See `WorkQueue.jobs_in_flight`. Exact here."""
        return len(self._polls)


def _delivered(stored: StoredMessage, handle: str) -> QueueMessage:
    return QueueMessage(
        body=stored.body,
        receipt_handle=handle,
        message_id=stored.message_id,
        receive_count=stored.receive_count,
        sent_at=stored.sent_at,
        attributes=dict(stored.attributes),
        trace=stored.trace,
    )
