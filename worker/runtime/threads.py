"""A bounded pool of daemon threads: started when needed, and never in the way of an exit.

`concurrent.futures` joins its threads when the interpreter ends, so one slow download would
hold up a stop beyond its time. Messages of abandoned threads come back by themselves.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable


class WorkerThreads:
    """Runs tasks on at most `count` threads. Tasks must not raise."""

    def __init__(self, count: int, *, name: str) -> None:
        self._count = count
        self._name = name
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._started = 0
        self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """Tasks that were submitted and have not ended."""
        return self._unfinished

    def submit(self, task: Callable[[], None]) -> None:
        """Runs the task on a free thread, as soon as there is one.

        Raises RuntimeError, and forgets the task, when not even the first thread can be started.
        """
        with self._changed:
            if self._started < min(self._unfinished + 1, self._count):
                self._start_thread()
            self._unfinished += 1
        self._tasks.put(task)

    def retire(self) -> None:
        """Ends each thread once it is free, also one that hangs now; the last use of the pool."""
        with self._changed:
            for _ in range(self._started):
                self._tasks.put(None)

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Waits until all tasks have ended. Whether they did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unfinished, timeout=timeout_s)

    def _start_thread(self) -> None:
        name = f"{self._name}-{self._started + 1}"
        try:
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError:  # the process has as many threads as it may have
            if not self._started:
                raise
            return  # those that there are get to the task; the next one tries again
        self._started += 1

    def _run(self) -> None:
        while True:
            task = self._tasks.get()
            if task is None:
                return
            try:
                task()
            finally:
                with self._changed:
                    self._unfinished -= 1
                    if not self._unfinished:
                        self._changed.notify_all()
