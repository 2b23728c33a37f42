"""The command line on a service in memory: no network, a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.scenarios.harness import Service
from worker.adapters.memory import (
    ManualClock,
    MemoryJobStore,
    MemoryObjectStore,
    MemoryQueue,
    MemoryResultTopic,
    MemoryRulesShelf,
)
from worker.adapters.memory.batches import MemoryBatchStore
from worker.adapters.memory.pictures import draw_png
from worker.engine.world import RecordWorld
from worker.runtime.cli import app
from worker.settings import Settings, load_settings

ENVIRONMENT = {
    "WORKER_REQUEST_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/requests",
    "WORKER_POLL_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog",
    "WORKER_OUTPUT_BUCKETS": "shop",
    "HAUTECH_API_TOKEN": "the-secret-token",
}


class MemoryServices:
    """What commands touch, in memory."""

    def __init__(self, service: Service, settings: Settings) -> None:
        world = service.world
        self.settings = settings
        self.clock: ManualClock = world.clock
        self.store: MemoryJobStore = world.store
        self.batches: MemoryBatchStore = world.batches
        self.objects: MemoryObjectStore = world.objects
        self.shelf: MemoryRulesShelf = world.shelf
        self.request_queue: MemoryQueue = world.requests
        self.dead_letter_queue: MemoryQueue = world.dead_letters
        self.topic: MemoryResultTopic = world.topic
        self.record_world: RecordWorld = service.record_world


Invoke = Callable[..., Result]


@pytest.fixture
def service() -> Service:
    """A worker, its queues and its world."""
    return Service()


@pytest.fixture
def services(service: Service) -> MemoryServices:
    return MemoryServices(service, load_settings(ENVIRONMENT))


@pytest.fixture
def invoke(services: MemoryServices, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls `hautech-worker` with these words and returns what came of it."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*words: object, stdin: str | None = None) -> Result:
        arguments = [str(word) for word in words]
        return CliRunner().invoke(app, arguments, obj=services, input=stdin)

    return call


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A garment's photo on this machine."""
    path = tmp_path / "my jacket.png"
    path.write_bytes(draw_png("jacket"))
    return path
