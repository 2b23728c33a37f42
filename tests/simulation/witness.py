"""Sees what a run does, as nobody inside can, and notes at once what must never happen.

What can be judged only in the end is in `invariants`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.simulation.batch_table import SimBatchStore
from tests.simulation.batch_witness import BatchWitness
from tests.simulation.clockwork import Scheduler, Task
from tests.simulation.hautech import SimHautech
from tests.simulation.table import SimJobStore
from worker.adapters.memory.objects import MemoryObjectStore
from worker.contracts.s3_uri import S3Uri
from worker.errors import AnswerUnknownError, WorkerError
from worker.jobs.job import Job, JsonObject
from worker.ports.generation import PipelineReport, RunSummary

GUARDED = frozenset({"objects.put", "topic.publish", "queue.send_dead_letter", "hautech.run"})
"""What a worker must not begin once another one has taken its job."""

SETTLE_S = 5.0
_TICK_S = 1.5
"""Workers know AWS's time to a second."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the story."""

    at_s: float
    who: str
    what: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.at_s:10.2f} s  {self.who:<12} {self.what:<26} {self.how}"


@dataclass(frozen=True, slots=True)
class Look:
    """One answer of the pipeline list, as a worker got it."""

    at_s: float
    by_key: frozenset[tuple[str, str]]
    """Pipelines and the keys that they were shown with."""
    keyless: frozenset[str]


@dataclass(frozen=True, slots=True)
class PaidTwice:
    """A second pipeline of one step that nobody could have avoided, and why."""

    request_id: str
    step: str
    because: str


class Witness:
    """The observations of one run. `violations` must stay empty."""

    def __init__(
        self,
        scheduler: Scheduler,
        store: SimJobStore,
        batches: SimBatchStore,
        objects: MemoryObjectStore,
        hautech: SimHautech,
    ) -> None:
        self._scheduler = scheduler
        self._store = store
        self._objects = objects
        self._hautech = hautech
        self.batches = BatchWitness(store, batches, objects, self.accuse)
        self.violations: list[str] = []
        self.story: list[Event] = []
        self.paid_twice: list[PaidTwice] = []
        self.kills = 0
        self.clocks_set = 0
        self.not_found_age_s: dict[str, float] = {}
        """How old a pipeline was when Hautech last said that there is none."""
        self._looks: dict[str, list[Look]] = defaultdict(list)
        self._read_inputs: dict[Task, set[str]] = defaultdict(set)
        self._last_look: dict[Task, Look] = {}
        self._open_calls_s: dict[str, list[float]] = defaultdict(list)
        """When each paid call was sent that may have cost something, by the key that it carried: one
        key is one step, and another one after a redrive that may pay again."""
        self._excuses: dict[str, str] = {}
        self._first_sent_s: dict[str, float] = {}
        self._sent_s: dict[str, float] = {}
        """When the first paid call of a step went out: by its key, and by pipeline."""
        self._paid: dict[str, list[str]] = defaultdict(list)

    def tell(self, who: str, what: str, how: str = "") -> None:
        """One more line of the story."""
        self.story.append(Event(self._scheduler.now_s, who, what, how))

    def accuse(self, what: str) -> None:
        """Something happened that must never happen."""
        self.violations.append(what)
        self.tell("WITNESS", "violation", what)

    # -- leases ------------------------------------------------------------------------------

    def took(self, task: Task, request_id: str, owner: str) -> None:
        """A task was told that it holds a job."""
        task.request_id, task.owner = request_id, owner

    def begins(self, task: Task, call: str) -> None:
        """A task makes an outside call. What needs the lease needs it now."""
        self.batches.begins(task, call)
        if call not in GUARDED or task.owner is None or task.request_id is None:
            return
        lease = self._store.lease_of(task.request_id)
        if lease is None or lease.owner != task.owner:
            holder = lease.owner if lease else "nobody"
            self.accuse(
                f"{call} by {task.owner} began after it lost job {task.request_id} to {holder}"
            )

    def follows(self, task: Task, call: str) -> None:
        """A task calls Hautech: not for a poll message that was worthless when it came."""
        ticket = task.ticket
        if ticket is None or not call.startswith("hautech."):
            return
        replaced_s = self._store.ticket_replaced_at_s(ticket.request_id, ticket.number)
        if replaced_s is not None and replaced_s < ticket.received_at_s:
            self.accuse(f"{call} for job {ticket.request_id} by ticket {ticket.number}, an old one")

    # -- money -------------------------------------------------------------------------------

    def listed(self, task: Task, runs: list[RunSummary]) -> None:
        """A worker got the list of pipelines."""
        keys = {run.pipeline_id: _key(run.metadata) for run in runs}
        look = Look(
            at_s=self._scheduler.now_s,
            by_key=frozenset((one, key) for one, key in keys.items() if key),
            keyless=frozenset(one for one, key in keys.items() if not key),
        )
        self._last_look[task] = look
        if task.request_id:
            self._looks[task.request_id].append(look)

    def read(self, task: Task, report: PipelineReport) -> None:
        """A worker read a whole pipeline."""
        if report.input is not None:
            self._read_inputs[task].add(report.pipeline_id)

    def pays(self, task: Task, metadata: JsonObject) -> None:
        """A worker is about to send the paid call."""
        request_id, step, key = _names(metadata)
        calls = self._open_calls_s[key]
        if calls and not self._has_looked_twice(task, request_id, calls[-1]):
            self.accuse(f"job {request_id}, step {step}: pays again without two looks")
        for pipeline_id in self._paid[key]:
            because = self._why_unknown(task, pipeline_id, step, key)
            if because is None:
                self.accuse(f"job {request_id}, step {step}: pays again besides {pipeline_id}")
            else:
                self._excuses[key] = because
        calls.append(self._scheduler.now_s)
        self._first_sent_s.setdefault(key, self._scheduler.now_s)

    def heard_of_run(self, metadata: JsonObject, error: WorkerError) -> None:
        """The paid call gave an error; all but one kind say that it cost nothing."""
        if not isinstance(error, AnswerUnknownError):
            self._open_calls_s[_names(metadata)[2]].pop()

    def heard_of_no_pipeline(self, pipeline_id: str) -> None:
        """A worker was told that a pipeline of ours does not exist."""
        # The record's age begins with the intent: a run that began later looks older than it is.
        self.not_found_age_s[pipeline_id] = self._scheduler.now_s - self._sent_s[pipeline_id]

    def paid(self, metadata: JsonObject, pipeline_id: str) -> None:
        """A paid call took effect, perhaps long after its caller had gone."""
        request_id, step, key = _names(metadata)
        paid = self._paid[key]
        if paid:
            because = self._excuses.get(key, "a call took effect after all looks")
            self.paid_twice.append(PaidTwice(request_id, step, because))
        paid.append(pipeline_id)
        self._sent_s[pipeline_id] = self._first_sent_s[key]

    def _has_looked_twice(self, task: Task, request_id: str, since_s: float) -> bool:
        looks = [look for look in self._looks[request_id] if look.at_s >= since_s]
        enough_s = SETTLE_S - _TICK_S
        return (
            len(looks) >= 2
            and looks[-1] is self._last_look.get(task)
            and looks[-1].at_s - looks[0].at_s >= enough_s
        )

    def _why_unknown(self, task: Task, pipeline_id: str, step: str, key: str) -> str | None:
        """Why the worker could not know of that pipeline; None when it could."""
        last = self._last_look.get(task)
        job = self._store.load(task.request_id or "")
        if last is None or job is None or (pipeline_id, key) in last.by_key:
            return None
        paid = self._hautech.paid[pipeline_id]
        if pipeline_id not in last.keyless:
            if paid.at_s > last.at_s:
                return "the call took effect after the last look"
            return "the list lagged behind all looks" if paid.listed_s > last.at_s else None
        if not job.step(step).bindings:
            return "the list lost the key, and the input holds nothing of this job's own"
        return None if paid.keeps_input else "Hautech lost the key and the input"

    def saves(self, task: Task, job: Job) -> None:
        """A worker saves: if it adopted one of two pipelines that it saw, the record says so."""
        look = self._last_look.get(task)
        if look is None:
            return
        told = [entry for entry in job.history[-2:] if "found pipeline" in entry.because]
        for step in job.steps:
            because = [one.because for one in told if one.subject == f"step {step.name}"]
            if step.submission is None or not because:
                continue
            keys = [key for _, key in look.by_key if key == step.submission.key]
            if len(keys) > 1 and "PAID TWICE" not in because[-1]:
                self.accuse(f"job {job.request_id}, step {step.name}: adopted one of two, silently")

    # -- results -----------------------------------------------------------------------------

    def publishes(self, text: str) -> None:
        """An event goes out: what it tells of must be there already."""
        event = json.loads(text)
        self.batches.publishes(text)
        if event["type"].endswith("succeeded"):
            for trouble in untrue_outputs(event["data"], self._objects):
                self.accuse(f"event of {event['subject']} went out, but {trouble}")


def untrue_outputs(data: dict[str, Any], objects: MemoryObjectStore) -> list[str]:
    """What the result says about its outputs and is not so."""
    troubles = []
    for output in data["outputs"]:
        stored = objects.stored(S3Uri.parse(output["uri"]))
        if stored is None:
            troubles.append(f"{output['uri']} does not exist")
        elif len(stored.data) != output["bytes"] or stored.sha256 != output["sha256"]:
            troubles.append(f"{output['uri']} is another object")
    return troubles


def _key(metadata: JsonObject) -> str | None:
    ours = metadata.get("hautechWorker")
    return ours.get("submitKey") if isinstance(ours, dict) else None


def _names(metadata: JsonObject) -> tuple[str, str, str]:
    ours = metadata["hautechWorker"]
    return ours["jobId"], ours["step"], ours["submitKey"]
