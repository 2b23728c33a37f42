"""Receives events as a consumer would, and looks at once whether what they announce is there."""

from __future__ import annotations

from typing import Any

from sandbox.local import LocalStack
from tests.chaos.evidence import object_sha256

_EVERY_S = 0.25


class Collector:
    """Takes events off a queue that is subscribed to the topic; the run tells it the time."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._next_s = 0.0
        self.events: list[dict[str, Any]] = []
        self.subjects: set[str | None] = set()
        self.early: list[str] = []
        """Events that came before their outputs: a violation each."""

    def act(self, now_s: float) -> None:
        """Receives what has come, if it is time to."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + _EVERY_S
        for event in self._stack.receive_events():
            self.events.append(event)
            self.subjects.add(event.get("subject"))
            for output in event["data"]["outputs"]:
                if object_sha256(self._stack, output["uri"]) != output["sha256"]:
                    self.early.append(
                        f"{event['subject']}: its event came, and {output['uri']} is not what it says"
                    )
