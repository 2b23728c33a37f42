from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.contracts.messages import BUCKETS, EVENTS, Document, EventText, Parse
from worker.contracts.request import Request, parse_request


@pytest.fixture
def event_text() -> EventText:
    """The text of a message in tests/events."""
    return lambda name: (EVENTS / name).read_text(encoding="utf-8")


@pytest.fixture
def parse() -> Parse:
    """`parse_request` with the buckets of the fixtures; objects are sent as JSON."""

    def parse(body: Any) -> Request:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return parse_request(text, input_buckets=BUCKETS, output_buckets=BUCKETS)

    return parse


@pytest.fixture
def document() -> Document:
    """A valid full-naomi request, to be spoiled."""
    found: Document = json.loads((EVENTS / "requests/full-naomi.json").read_text(encoding="utf-8"))
    return found
