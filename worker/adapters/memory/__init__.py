"""Every port in memory, for tests and the harness: the same promises, no network, a clock to turn.

world = MemoryWorld()
world.polls.send("…", delay_s=5)
world.clock.advance(5)
"""

from worker.adapters.memory.assets import MemoryAssetCache
from worker.adapters.memory.clock import ManualBudget, ManualClock
from worker.adapters.memory.durations import MemoryDurationBoard
from worker.adapters.memory.hautech import MemoryHautech, MemoryRun
from worker.adapters.memory.notices import MemoryNoticeBoard
from worker.adapters.memory.objects import MemoryObjectStore
from worker.adapters.memory.queues import MemoryQueue, MemoryWorkQueue
from worker.adapters.memory.rules import MemoryRulesShelf
from worker.adapters.memory.secrets import MemorySecrets
from worker.adapters.memory.store import MemoryJobStore
from worker.adapters.memory.topic import MemoryResultTopic, PublishedEvent
from worker.adapters.memory.world import MemoryWorld

__all__ = [
    "ManualBudget",
    "ManualClock",
    "MemoryAssetCache",
    "MemoryDurationBoard",
    "MemoryHautech",
    "MemoryJobStore",
    "MemoryNoticeBoard",
    "MemoryObjectStore",
    "MemoryQueue",
    "MemoryResultTopic",
    "MemoryRulesShelf",
    "MemoryRun",
    "MemorySecrets",
    "MemoryWorkQueue",
    "MemoryWorld",
    "PublishedEvent",
]
