"""Where the fixture messages are, and the types of the fixtures that read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.contracts.request import Request

EVENTS = Path(__file__).parents[2] / "events"
BUCKETS = frozenset({"catalog", "drafts"})

Document = dict[str, Any]
EventText = Callable[[str], str]
Parse = Callable[[Any], Request]
