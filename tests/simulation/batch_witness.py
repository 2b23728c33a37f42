"""Sees what a run does with its batches, and notes at once what must never happen.

look at the cancellation ─► (no upload, no other work) ─► first paid call of a row
look at the cancellation ─► rows are sent only if there was none
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime

from tests.simulation.batch_table import SimBatchStore
from tests.simulation.clockwork import Task
from tests.simulation.table import SimJobStore
from worker.adapters.memory.objects import MemoryObjectStore, StoredBytes
from worker.contracts.batch_event import BATCH_COMPLETED
from worker.contracts.origin import batch_of
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import Job, JsonObject

_NO_WORK = frozenset({"hautech.run", "hautech.sign_in", "hautech.account"})
"""Calls to Hautech that may stand between a look and the paid call."""


class BatchWitness:
    """The observations of one run; `accuse` takes what must not be."""

    def __init__(
        self,
        store: SimJobStore,
        batches: SimBatchStore,
        objects: MemoryObjectStore,
        accuse: Callable[[str], None],
    ) -> None:
        self._store = store
        self._batches = batches
        self._objects = objects
        self._accuse = accuse
        self.row_bodies: dict[str, None] = {}
        """Every request that was sent for a row, once each."""
        self._looks: dict[tuple[Task, str], datetime | None] = {}
        """What a task heard when it last asked whether a batch is cancelled, if that still counts."""

    def begins(self, task: Task, call: str) -> None:
        """A task makes an outside call: work at Hautech makes an earlier look worthless."""
        if call.startswith("hautech.") and call not in _NO_WORK:
            self._looks = {at: heard for at, heard in self._looks.items() if at[0] is not task}

    def looked(self, task: Task, batch_id: str, cancelled_at: datetime | None) -> None:
        """A task was told since when a batch is cancelled, or that it is not."""
        self._looks[task, batch_id] = cancelled_at

    def sends(self, task: Task, bodies: Sequence[str]) -> None:
        """A task is about to send rows: after a cancellation those only that may have been sent."""
        for row in filter(None, (batch_of(json.loads(body)) for body in bodies)):
            batch = self._batches.load(row.id)
            is_again = batch is not None and row.row <= batch.sending
            if self._looks.get((task, row.id)) is not None and not is_again:
                self._accuse(f"row {row.row} of {row.id} is sent, known to be cancelled")

    def sent(self, bodies: Sequence[str]) -> None:
        """Rows were put on the queue."""
        self.row_bodies |= dict.fromkeys(bodies)

    def pays(self, task: Task, metadata: JsonObject) -> None:
        """A task is about to send the paid call: the first of a row needs a look before it."""
        job = self._store.load(metadata["hautechWorker"]["jobId"])
        row = batch_of(job.request) if job else None
        if (
            job is None
            or row is None
            or _may_have_cost_before(job, metadata["hautechWorker"]["step"])
        ):
            return
        if (task, row.id) not in self._looks:
            self._accuse(f"row {row.row} of {row.id} is paid for, and nobody looked if it may be")
        elif self._looks[task, row.id] is not None:
            self._accuse(f"row {row.row} of {row.id} is paid for, known to be cancelled")

    def stores(self, uri: S3Uri, before: StoredBytes | None) -> None:
        """An object was written where `before` stood: nothing of one request gives way to another's."""
        after = self._objects.stored(uri)
        if before is None or after is None or before is after:
            return
        if _owner_of(before) != _owner_of(after):
            self._accuse(
                f"{uri}: an object of {_owner_of(before)} became one of {_owner_of(after)}"
            )

    def publishes(self, text: str) -> None:
        """An event goes out: the list that it names is there already, and says the same."""
        event = json.loads(text)
        if event["type"] != BATCH_COMPLETED or event["data"]["results"] is None:
            return
        stored = self._objects.stored(S3Uri.parse(event["data"]["results"]))
        if stored is None:
            self._accuse(f"event of batch {event['subject']} went out before its list of results")


def _may_have_cost_before(job: Job, name: str) -> bool:
    """Whether anything but the first call of this step may have been paid for."""
    for step in job.steps:
        if step.pipeline is not None or step.earlier:
            return True
        if step.submission is not None and (step.name != name or step.submission.calls > 1):
            return True
    return False


def _owner_of(stored: StoredBytes) -> str | None:
    return stored.metadata.get("request-id")
