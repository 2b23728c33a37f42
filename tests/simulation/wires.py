"""The outside calls of a worker: each is a switch point where faults, kills and freezes strike.

begins ──(way there)──► effect ──(way back)──► answer
   ▲ killed before        ▲ 0, 1, 2 times, or late   ▲ killed after, frozen, answer lost
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from tests.scenarios.crash import Killed
from tests.simulation.clockwork import Task
from tests.simulation.faults import Fault
from worker.adapters.messages import QueueMessage
from worker.errors import PipelineLostError, WorkerError
from worker.runtime.slots import Kind

if TYPE_CHECKING:
    from tests.simulation.queues import SimQueue
    from tests.simulation.worker import SimWorker

_CUT_BYTES = 40
_TELL_TIME = {
    "store": "store",
    "batches": "store",
    "assets": "store",
    "queue": "queue",
    "requests": "requests",
    "dead_letters": "dead_letters",
}
"""DynamoDB and SQS, and which host answers: their answers set the clock."""
_LAZY = {"hautech.runs_since", "store.unchanged_since", "batches.unchanged_since"}
_STORES = {"objects.put", "objects.end_upload"}


class Wire:
    """A port, as a worker reaches it."""

    def __init__(self, worker: SimWorker, name: str, port: Any) -> None:
        self._worker = worker
        self._name = name
        self._port = port

    def __getattr__(self, method: str) -> Any:
        wired = partial(self._call, f"{self._name}.{method}", getattr(self._port, method))
        setattr(self, method, wired)
        return wired

    def _call(self, call: str, effect: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        worker, witness = self._worker, self._worker.service.witness
        storm, scheduler = worker.service.storm, worker.scheduler
        task = scheduler.task
        if worker.is_dead or task is None:
            raise Killed(worker.name)  # a `finally` of a task that is being killed
        witness.begins(task, call)
        witness.follows(task, call)
        asked_at = worker.clock.local_now()
        if call == "hautech.run":
            witness.pays(task, args[2])
            witness.batches.pays(task, args[2])
        elif call == "queue.send_requests":
            witness.batches.sends(task, args[0])

        fault = storm.fault_of(call, scheduler.now_s)
        if self._name == "hautech" and call not in {"hautech.sign_in", "hautech.account"}:
            outage = storm.outage_of(call, scheduler.now_s)
            if outage is not None:
                fault = Fault(outage.name, effects=0, error=outage.error)
        if call == "objects.put" and fault is not None and fault.late_s:
            args = (args[0], _bytes_of(args[1]))  # they are on their way; the file is closed soon
        if _named(fault) == "swallowed" and _is_picture(kwargs):
            fault = Fault("swallowed", effects=0)
        if _named(fault) == "some sent":
            args = (args[0][: len(args[0]) // 2],)
        act = partial(self._effect, call, effect, args, kwargs, fault)
        try:
            answer = self._through(task, call, act, fault)
        except Exception as error:
            what = f"{_job(task)} {_named(fault)} -> {type(error).__name__}"
            witness.tell(worker.name, call, what)
            if call == "hautech.run" and isinstance(error, WorkerError):
                witness.heard_of_run(args[2], error)
            if call == "hautech.look" and isinstance(error, PipelineLostError):
                witness.heard_of_no_pipeline(args[0])
            raise
        witness.tell(worker.name, call, f"{_job(task)} {_named(fault)}".rstrip())
        if self._name in _TELL_TIME:
            worker.heard_from_aws(_TELL_TIME[self._name], asked_at, task.answered_at)
        self._note(task, call, args, answer)
        return answer

    def _through(self, task: Task, call: str, act: Callable[[], Any], fault: Fault | None) -> Any:
        worker = self._worker
        storm, scheduler = worker.service.storm, worker.scheduler
        there_s, back_s = storm.latency_s(), storm.latency_s()
        if fault is None:
            task.sleep(there_s)
            answer = act()
            task.sleep(back_s)
            return answer
        if fault.late_s:
            # Nobody waits for it any more, so nobody hears whether it worked.
            scheduler.after(there_s + fault.late_s, partial(self._late, call, act))
        if fault.kill and not fault.effects:
            worker.die_here(call, f"{_job(task)} {fault.name}")
        if fault.clock_off_s is not None:
            worker.set_clock(fault.clock_off_s)
        if fault.freeze_s and fault.name.endswith("before"):
            worker.freeze(fault.freeze_s)
        task.sleep(there_s + fault.slow_s)
        answer = None
        for _ in range(fault.effects):
            answer = act()
        if fault.kill:
            worker.die_here(call, f"{_job(task)} {fault.name}")
        if fault.freeze_s:
            worker.freeze(fault.freeze_s)
        task.sleep(back_s)
        if fault.error is not None:
            raise fault.error()
        return answer

    def _effect(
        self,
        call: str,
        effect: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        fault: Fault | None,
    ) -> Any:
        service = self._worker.service
        if call == "topic.publish":
            service.witness.publishes(args[0])
        service.objects.cut_after_bytes = _CUT_BYTES if _named(fault) == "cut body" else None
        stood = service.objects.stored(args[0]) if call in _STORES else None
        answer = effect(*args, **kwargs)
        if call in _STORES:
            service.witness.batches.stores(args[0], stood)
        if self._worker.scheduler.task is not None:
            self._worker.scheduler.task.answered_at = self._worker.scheduler.true_now()
        if call == "hautech.run":
            service.witness.paid(args[2], answer)
        elif call == "queue.send_requests":
            service.witness.batches.sent(args[0])
        if _named(fault) == "damaged" and _is_picture(kwargs):
            service.damage(args[0])
        # A lazy list is read here: its pages are part of the call.
        return list(answer) if call in _LAZY else answer

    def _note(self, task: Task, call: str, args: tuple[Any, ...], answer: Any) -> None:
        """Tells the witness what the worker knows now."""
        witness = self._worker.service.witness
        if call == "store.take_lease":
            witness.took(task, args[0].request_id, args[1].owner)
        elif call == "store.create" and answer is None:
            witness.took(task, args[0].request_id, args[0].lease.owner)
        elif call == "store.save":
            witness.saves(task, answer)
        elif call == "hautech.runs_since":
            witness.listed(task, answer)
        elif call == "batches.cancelled_at":
            witness.batches.looked(task, args[0], answer)

    def _late(self, call: str, act: Callable[[], Any]) -> None:
        try:
            act()
        except WorkerError:
            return  # such as a guarded write that comes too late: nobody waits for the answer
        self._worker.service.witness.tell("(late)", call)


def _named(fault: Fault | None) -> str:
    return fault.name if fault else ""


def _is_picture(kwargs: dict[str, Any]) -> bool:
    """Only pictures are read again after they were written: of documents S3 is believed."""
    return bool(kwargs["content_type"].startswith("image/"))


def _job(task: Task) -> str:
    return task.request_id or "(no job)"


def _bytes_of(body: BinaryIO | bytes) -> bytes:
    if isinstance(body, bytes):
        return body
    body.seek(0)
    return body.read()


class AnswerWire:
    """A queue, as a worker answers it: each entry of a batch has its own luck."""

    def __init__(self, worker: SimWorker, kind: Kind, queue: SimQueue) -> None:
        self._worker = worker
        self._kind = kind
        self._queue = queue

    def receive(self, **_: Any) -> list[QueueMessage]:
        """Receivers wait at the queue itself."""
        raise NotImplementedError

    def delete_soon(self, receipt_handle: str) -> Future[bool]:
        """See `MessageQueue.delete_soon`."""

        def effect(fault: Fault | None) -> bool:
            is_forgotten = fault is not None and fault.name == "forgotten"
            return self._queue.delete_unless_forgotten(receipt_handle, is_forgotten=is_forgotten)

        return self._soon("delete", effect, receipt_handle)

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """See `MessageQueue.change_visibility_soon`."""
        return self._soon(
            "change_visibility",
            lambda fault: self._queue.hand_back(
                receipt_handle, seconds, is_shown_early=_named(fault) == "shown early"
            ),
            f"{receipt_handle} {seconds} s",
        )

    def close(self) -> None:
        """Answers are on their way already."""

    def _soon(self, call: str, effect: Callable[[Fault | None], bool], what: str) -> Future[bool]:
        answer: Future[bool] = Future()
        worker = self._worker
        asked_at = worker.clock.local_now()
        worker.scheduler.after(
            worker.service.storm.latency_s(),
            worker.alive(lambda: self._arrive(call, effect, answer, what, asked_at)),
        )
        return answer

    def _arrive(
        self,
        call: str,
        effect: Callable[[Fault | None], bool],
        answer: Future[bool],
        what: str,
        asked_at: datetime,
    ) -> None:
        worker = self._worker
        fault = worker.service.storm.fault_of(call, worker.scheduler.now_s)
        worker.service.witness.tell(
            worker.name, f"{self._kind}.{call}", f"{what} {_named(fault)}".rstrip()
        )
        if fault is not None and fault.kill:
            if fault.effects:
                effect(fault)
            worker.crash()
            return
        if fault is not None and fault.freeze_s:
            worker.freeze(fault.freeze_s)
        if fault is not None and fault.clock_off_s is not None:
            worker.set_clock(fault.clock_off_s)
        is_ours = effect(fault) if fault is None or fault.effects else False
        if fault is not None and fault.error is not None:
            answer.set_exception(fault.error())
        else:
            worker.heard_from_aws(self._kind, asked_at)
            answer.set_result(is_ours)


class ExtensionWire:
    """A queue, as the heartbeat reaches it: it waits for the answer, so that comes at once."""

    def __init__(self, worker: SimWorker, queue: SimQueue) -> None:
        self._worker = worker
        self._queue = queue

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """See `MessageQueue.change_visibility_soon`."""
        answer: Future[bool] = Future()
        storm = self._worker.service.storm
        fault = storm.fault_of("extend", self._worker.scheduler.now_s)
        is_ours = False
        if fault is not None and fault.kill:
            self._worker.scheduler.after(0.0, self._worker.crash)
        if fault is None or fault.effects:
            is_ours = self._queue.change_visibility(receipt_handle, seconds)
        if fault is not None and fault.error is not None:
            answer.set_exception(fault.error())
        else:
            answer.set_result(is_ours)
        return answer
