"""The receipt handles that queues gave out, so that the rig can end a visibility timeout at once."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError


class Receipts:
    """Notes every delivery, also those whose answer never reached the worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: list[tuple[str, str]] = []
        self.deliveries = 0

    def note(self, request: bytes, answer: bytes) -> None:
        """Takes the handles out of a ReceiveMessage exchange."""
        with suppress(ValueError):
            messages = json.loads(answer).get("Messages") or []
            queue_url = str(json.loads(request)["QueueUrl"])
            with self._lock:
                self.deliveries += len(messages)
                self._given += [(queue_url, message["ReceiptHandle"]) for message in messages]

    def clear(self) -> None:
        """Forgets all of them."""
        with self._lock:
            self._given.clear()
            self.deliveries = 0

    def make_visible(self, sqs: Any) -> None:
        """The visibility of everything that was given out ends; what is deleted stays deleted."""
        with self._lock:
            given, self._given = self._given, []
        for queue_url, handle in given:
            with suppress(ClientError):
                sqs.change_message_visibility(
                    QueueUrl=queue_url, ReceiptHandle=handle, VisibilityTimeout=0
                )
