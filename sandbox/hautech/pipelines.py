"""The life of pipelines: pending, task by task, until completed or failed.

Nothing runs in the background. Each pipeline knows when its tasks are due, and whoever looks
first settles everything that has become due since:

    run ──► task 1 due ──► task 2 due ──► … ──► last task due: completed, result made
                 └── the task that a fault names: failed, the rest never happens
"""

from __future__ import annotations

import heapq
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.hautech.account import Account
from sandbox.hautech.catalog import Workflow
from sandbox.hautech.inputs import InputFault, Material
from sandbox.hautech.options import Options


@dataclass(frozen=True, slots=True)
class Task:
    """One step inside a pipeline."""

    id: str
    method: tuple[str, ...]
    dependencies: tuple[str, ...]
    args: tuple[Any, ...]
    price: Decimal
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What a completed run left behind: ids of images, or of a pose, or a given document."""

    image_ids: tuple[str, ...] = ()
    pose_id: str | None = None
    literal: Any = None


@dataclass(slots=True)
class Pipeline:
    """One run of a workflow.

    Attributes:
        number: position in the order of creation.
        metadata: what the API shows, which may have been dropped.
        sent_metadata: what the client sent, for the proof that nothing ran twice.
        options: the switches as they were when it was run.
        fault: why it will fail, None if it will complete.
        ended: entries of `state`: task id -> status and output.
    """

    number: int
    id: str
    workflow: Workflow
    input: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sent_metadata: Mapping[str, Any]
    material: Material
    options: Options
    operation_id: str | None
    created_at: datetime
    updated_at: datetime
    tasks: tuple[Task, ...]
    fault: InputFault | None
    fault_task: int
    status: str = "pending"
    consumed: Decimal = Decimal(0)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: Result | None = None

    @property
    def estimated(self) -> Decimal:
        """What a complete run costs."""
        return sum((task.price for task in self.tasks), Decimal(0))

    def is_listed(self, now: datetime) -> bool:
        """Whether lists show it yet."""
        return now >= self.created_at + timedelta(seconds=self.options.list_lag_s)


@dataclass(frozen=True, slots=True)
class RunOrder:
    """Everything that decides how a run will go."""

    workflow: Workflow
    input: Mapping[str, Any]
    metadata: Mapping[str, Any]
    material: Material
    options: Options
    is_public: bool = False
    is_stuck: bool = False
    fault: InputFault | None = None
    fails_at_the_end: bool = False


class PipelineStore:
    """All pipelines of the account."""

    def __init__(
        self, *, account: Account, produce: Callable[[Pipeline, datetime], Result], seed: int
    ) -> None:
        self._account = account
        self._produce = produce
        self._dice = random.Random(seed)
        self._all: list[Pipeline] = []
        self._by_id: dict[str, Pipeline] = {}
        self._by_operation: dict[str, Pipeline] = {}
        self._due: list[tuple[datetime, int, int]] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Pipeline]:
        """All pipelines, oldest first."""
        return iter(self._all)

    def run(self, order: RunOrder, *, now: datetime) -> Pipeline:
        """Starts a pipeline; the answer to the client is its id."""
        least, most = order.options.duration_range_s(order.workflow)
        tasks = _tasks(order, now=now, duration_s=self._dice.uniform(least, most))
        metadata: Mapping[str, Any] = {} if order.options.drop_metadata else order.metadata
        pipeline = Pipeline(
            number=len(self._all),
            id=str(uuid.uuid4()),
            workflow=order.workflow,
            input=order.input,
            metadata=metadata,
            sent_metadata=order.metadata,
            material=order.material,
            options=order.options,
            operation_id=str(uuid.uuid4()) if order.is_public else None,
            created_at=now,
            updated_at=now,
            tasks=tasks,
            fault=order.fault,
            fault_task=len(tasks) - 1 if order.fails_at_the_end else 0,
        )
        self._all.append(pipeline)
        self._by_id[pipeline.id] = pipeline
        if pipeline.operation_id is not None:
            self._by_operation[pipeline.operation_id] = pipeline
        if not order.is_stuck:
            heapq.heappush(self._due, (tasks[0].due_at, pipeline.number, 0))
        return pipeline

    def find(self, pipeline_id: str) -> Pipeline | None:
        """The pipeline, or None."""
        return self._by_id.get(pipeline_id)

    def find_by_operation(self, operation_id: str) -> Pipeline | None:
        """The inner pipeline of a public run, or None."""
        return self._by_operation.get(operation_id)

    def settle(self, now: datetime) -> None:
        """Makes everything happen that is due by now, in the order in which it was due."""
        while self._due and self._due[0][0] <= now:
            due_at, number, index = heapq.heappop(self._due)
            self._end_task(self._all[number], index, due_at)

    def newest_first(self, *, below: int | None = None) -> Iterator[Pipeline]:
        """Pipelines by falling number, beginning under `below`."""
        start = len(self._all) if below is None else min(below, len(self._all))
        return (self._all[number] for number in range(start - 1, -1, -1))

    def oldest_first(self, *, above: int | None = None) -> Iterator[Pipeline]:
        """Pipelines by rising number, beginning over `above`."""
        start = 0 if above is None else above + 1
        return (self._all[number] for number in range(start, len(self._all)))

    def _end_task(self, pipeline: Pipeline, index: int, at: datetime) -> None:
        task = pipeline.tasks[index]
        pipeline.updated_at = at
        if pipeline.fault is not None and index == pipeline.fault_task:
            reason = {"errorCode": pipeline.fault.code, "errorMessage": pipeline.fault.message}
            pipeline.ended[task.id] = {"status": "failed", "output": reason}
            pipeline.status = "failed"
            return
        pipeline.consumed += task.price
        self._account.charge(task.price)
        if index + 1 < len(pipeline.tasks):
            pipeline.ended[task.id] = {"status": "completed", "output": {"taskId": task.id}}
            following = pipeline.tasks[index + 1]
            heapq.heappush(self._due, (following.due_at, pipeline.number, index + 1))
            return
        pipeline.result = self._produce(pipeline, at)
        pipeline.ended[task.id] = {"status": "completed", "output": _task_output(pipeline.result)}
        pipeline.status = "completed"


def _tasks(order: RunOrder, *, now: datetime, duration_s: float) -> tuple[Task, ...]:
    """Two tasks per stage, one that starts an operation and one that waits for it."""
    tasks: list[Task] = []
    cost = order.options.price_of(order.workflow)
    count = len(order.workflow.stages) * 2
    for stage in order.workflow.stages:
        for method, args, price in (
            (("operations", "run", *stage.operation.split(".")), (dict(order.input),), Decimal(0)),
            (("operations", "wait"), (), cost * stage.price_share),
        ):
            before = tasks[-1].id if tasks else None
            share = (len(tasks) + 1) / count
            tasks.append(
                Task(
                    id=str(uuid.uuid4()),
                    method=method,
                    dependencies=() if before is None else (before,),
                    args=args or ({"taskId": before},),
                    price=price,
                    due_at=now + timedelta(seconds=duration_s * share),
                )
            )
    return tuple(tasks)


def _task_output(result: Result) -> Any:
    if result.pose_id is not None:
        return {"kind": "json", "data": {"poseId": result.pose_id}}
    if len(result.image_ids) == 1:
        return {"kind": "image/single", "imageId": result.image_ids[0]}
    if result.image_ids:
        return {"kind": "image/multiple", "imageIds": list(result.image_ids)}
    return {"kind": "json", "data": result.literal}
