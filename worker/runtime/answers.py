"""Tells a queue what to do with messages, without waiting for it, and what went wrong afterwards.

Losing an answer is harmless: the message comes back, and the engine knows its job. So an answer
that fails is logged and not repeated (the SDK has tried a few times by then).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import structlog

from worker.errors import WorkerError
from worker.runtime.queue_verbs import Delete, QueueVerb
from worker.runtime.queues import MessageQueue
from worker.runtime.slots import Kind

_log = structlog.get_logger(__name__)


class Answers:
    """Gives verbs to the queues. Safe to share between threads."""

    def __init__(self, queues: Mapping[Kind, MessageQueue]) -> None:
        self._queues = queues
        self._is_flushed = False

    def put(self, kind: Kind, receipt_handle: str, verb: QueueVerb) -> None:
        """Hands in what to do with one message. Never blocks on the network.

        After `flush` it does nothing: the process is about to end, and work that it abandoned
        has been answered.
        """
        if self._is_flushed:
            return
        queue = self._queues[kind]
        if isinstance(verb, Delete):
            answer = queue.delete_soon(receipt_handle)
        else:
            answer = queue.change_visibility_soon(receipt_handle, verb.seconds)
        answer.add_done_callback(report_lost(kind, verb))

    def flush(self, timeout_s: float) -> bool:
        """Sends everything without waiting for company; the last use. Whether it was in time."""
        self._is_flushed = True
        threads = [
            # Daemons, so that a queue that hangs does not keep the process from ending.
            threading.Thread(target=queue.close, name=f"flush-{kind}", daemon=True)
            for kind, queue in self._queues.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout_s / len(threads))
        return not any(thread.is_alive() for thread in threads)


def report_lost(kind: Kind, verb: QueueVerb) -> Callable[[Future[bool]], None]:
    """Hears the queue's answer to that verb, and logs it if the verb did not arrive."""
    return _Report(kind, verb)


class _Report:
    """Logs an answer that did not arrive. One per message, so it is small."""

    __slots__ = ("_kind", "_verb")

    def __init__(self, kind: Kind, verb: QueueVerb) -> None:
        self._kind = kind
        self._verb = verb

    def __call__(self, answer: Future[bool]) -> None:
        error = answer.exception()
        if error is None and answer.result():
            return
        said = "its receipt is out of date"
        if error is not None:
            said = error.message if isinstance(error, WorkerError) else repr(error)
        _log.warning(
            "the queue did not take our answer; the message comes back by itself",
            action="queue_answer_lost",
            queue=str(self._kind),
            verb=type(self._verb).__name__,
            reason=said,
        )
