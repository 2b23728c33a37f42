"""A message as a queue delivers it, the same from SQS and from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A received message. It stays invisible to others until its visibility timeout ends."""

    body: str
    receipt_handle: str
    """Names this delivery, not the message: a later delivery has another one."""
    message_id: str
    receive_count: int
    """1 for the first delivery. Not a failure count: polls and deploys raise it."""
    sent_at: datetime
    """When it was first sent (aware UTC)."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Its own string attributes."""
    trace: str | None = None
    """Its X-Ray header, as the producer or X-Ray wrote it."""


MAX_RECEIVED = 10
"""Messages per receive (Source: SQS ReceiveMessage, MaxNumberOfMessages)."""
