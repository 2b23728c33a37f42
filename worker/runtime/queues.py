"""What a driver needs of a queue: SQS in life, a list in tests."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final, Protocol

from worker.adapters.messages import MAX_RECEIVED, QueueMessage

BATCH: Final = MAX_RECEIVED
"""Messages per request, whatever the request."""


class MessageQueue(Protocol):
    """One queue, as drivers use it. Safe to share between threads.

    The two `…_soon` methods never block on the network: entries of several threads travel
    together, ten to a request. Their answers tell whether the message was still ours, or hold an
    error of `worker.errors`.
    """

    def receive(
        self, *, max_messages: int, wait_s: int, visibility_s: int
    ) -> Sequence[QueueMessage]:
        """Up to `max_messages` (1–10) messages, hidden from others for `visibility_s`.

        Returns as soon as there are any; after `wait_s` (0–20) with none. Raises errors of
        `worker.errors`.
        """

    def delete_soon(self, receipt_handle: str) -> Future[bool]:
        """Deletes a message."""

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """Hides a message for so long from now; 0 makes it visible at once."""

    def close(self) -> None:
        """Sends what still waits for company; returns when all answers are in."""


class PatientDeletes:
    """A queue whose deletes wait longer for company than its other requests.

    Nothing depends on when a message is deleted: it is hidden meanwhile, and a crash makes a
    duplicate that the engine recognises. A message that is handed back must not wait so long.

    Args:
        queue: for everything else.
        deletes: the same queue, with a longer linger.
    """

    def __init__(self, queue: MessageQueue, deletes: MessageQueue) -> None:
        self._queue = queue
        self._deletes = deletes

    def receive(
        self, *, max_messages: int, wait_s: int, visibility_s: int
    ) -> Sequence[QueueMessage]:
        """See `MessageQueue.receive`."""
        return self._queue.receive(
            max_messages=max_messages, wait_s=wait_s, visibility_s=visibility_s
        )

    def delete_soon(self, receipt_handle: str) -> Future[bool]:
        """See `MessageQueue.delete_soon`."""
        return self._deletes.delete_soon(receipt_handle)

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """See `MessageQueue.change_visibility_soon`."""
        return self._queue.change_visibility_soon(receipt_handle, seconds)

    def close(self) -> None:
        """See `MessageQueue.close`."""
        self._queue.close()
        self._deletes.close()
