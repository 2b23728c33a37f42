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
