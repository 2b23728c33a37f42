"""Published events, kept in a list."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PublishedEvent:
    """One event as it was published."""

    text: str
    attributes: Mapping[str, str]
    trace: str | None = None

    def document(self) -> dict[str, Any]:
        """The event's JSON document."""
        document: dict[str, Any] = json.loads(self.text)
        return document


class MemoryResultTopic:
    """The ResultTopic port in memory; `events` has all of them, repetitions included."""

    def __init__(self) -> None:
        self.events: list[PublishedEvent] = []

    def publish(
        self, event_json: str, attributes: dict[str, str], *, trace: str | None = None
    ) -> None:
        """See `ResultTopic.publish`."""
        kept = {name: value for name, value in attributes.items() if value}
        self.events.append(PublishedEvent(event_json, kept, trace))
