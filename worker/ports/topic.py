"""Where results are announced (SNS)."""

from __future__ import annotations

from typing import Protocol


class ResultTopic(Protocol):
    """Where results are announced (SNS)."""

    def publish(
        self, event_json: str, attributes: dict[str, str], *, trace: str | None = None
    ) -> None:
        """Publish one event with string attributes for filter policies. Returns once accepted.

        `trace` is the X-Ray header that goes with it, as `clean_trace` gives it.
        """
