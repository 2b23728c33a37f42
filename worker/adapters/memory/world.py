"""All ports in memory around one clock."""

from __future__ import annotations

from worker.adapters.memory.assets import MemoryAssetCache
from worker.adapters.memory.batches import MemoryBatchStore
from worker.adapters.memory.clock import ManualBudget, ManualClock
from worker.adapters.memory.durations import MemoryDurationBoard
from worker.adapters.memory.hautech import MemoryHautech
from worker.adapters.memory.notices import MemoryNoticeBoard
from worker.adapters.memory.objects import MemoryObjectStore
from worker.adapters.memory.queues import MemoryQueue, MemoryWorkQueue
from worker.adapters.memory.rules import MemoryRulesShelf
from worker.adapters.memory.store import MemoryJobStore
from worker.adapters.memory.topic import MemoryResultTopic

INPUT_BUCKET = "catalog"
OUTPUT_BUCKET = "shop"


class MemoryWorld:
    """One of everything, empty. The queues have the redrive limits of `infra/resources.yml`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.budget = ManualBudget()
        self.store = MemoryJobStore()
        self.batches = MemoryBatchStore()
        self.dead_letters = MemoryQueue(self.clock)
        self.requests = MemoryQueue(self.clock, dead_letters=self.dead_letters, max_receives=100)
        self.polls = MemoryQueue(self.clock, dead_letters=self.dead_letters, max_receives=1000)
        self.queue = MemoryWorkQueue(
            requests=self.requests, polls=self.polls, dead_letters=self.dead_letters
        )
        self.objects = MemoryObjectStore([INPUT_BUCKET, OUTPUT_BUCKET])
        self.topic = MemoryResultTopic()
        self.board = MemoryNoticeBoard()
        self.durations = MemoryDurationBoard()
        self.assets = MemoryAssetCache()
        self.shelf = MemoryRulesShelf()
        self.hautech = MemoryHautech(self.clock)
