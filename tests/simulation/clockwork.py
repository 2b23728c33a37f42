"""Virtual time and whose turn it is: tasks are greenlets that change places at every outside call.

    heap of (time, tie, what)  ──►  the earliest runs until it waits  ──►  the next earliest …

Ties are broken by the seed, so things that happen at the same moment happen in every order. Nothing
sleeps and nothing reads a real clock.
"""

from __future__ import annotations

import contextlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import greenlet

from tests.scenarios.crash import Killed
from worker.adapters.memory.clock import START


class Scheduler:
    """Runs what is due, in order. `now_s` is the true time, in seconds since the run began."""

    def __init__(self, rng: random.Random) -> None:
        self.now_s = 0.0
        self.task: Task | None = None
        """Whose turn it is; None: the scheduler's own."""
        self._rng = rng
        self._heap: list[tuple[float, float, int, Callable[[], None]]] = []
        self._numbers = count()
        self.hub = greenlet.getcurrent()

    def at(self, when_s: float, action: Callable[[], None]) -> None:
        """Does something at a moment, or now if that has passed."""
        entry = (max(when_s, self.now_s), self._rng.random(), next(self._numbers), action)
        heapq.heappush(self._heap, entry)

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Does something that many seconds from now."""
        self.at(self.now_s + delay_s, action)

    def run(self, *, until_s: float) -> bool:
        """Runs until nothing is left to do. False when that is not so at `until_s`."""
        while self._heap:
            if self._heap[0][0] > until_s:
                return False
            self.now_s, _, _, action = heapq.heappop(self._heap)
            action()
        return True

    def park(self) -> None:
        """Gives the turn away until somebody switches to this task again. Tasks only."""
        self.hub.switch()

    def true_now(self) -> datetime:
        """The true moment (aware UTC), which is also AWS's."""
        return START + timedelta(seconds=self.now_s)


class SkewedClock:
    """The Clock port: the true time, and an error (seconds), constant until the clock is set.

    A process reads it as the real ones read theirs (`SystemClock`), which never goes back.
    """

    def __init__(self, scheduler: Scheduler, skew_s: float = 0.0) -> None:
        self._scheduler = scheduler
        self._skew_s = skew_s

    def now(self) -> datetime:
        """What this clock shows (aware UTC)."""
        return START + timedelta(seconds=self._scheduler.now_s + self._skew_s)

    def set(self, skew_s: float) -> None:
        """Somebody sets it: forward, it has this error from now on; back, nothing changes."""
        self._skew_s = max(self._skew_s, skew_s)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a poll message names, and when a worker got it."""

    request_id: str
    number: int
    received_at_s: float


class Process:
    """Something that can be killed and frozen, and all its tasks with it."""

    def __init__(self, scheduler: Scheduler, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.scheduler = scheduler
        self._thaws_at_s = 0.0
        self._tasks: list[Task] = []

    def spawn(self, run: Callable[[], None]) -> Task:
        """Begins a task now."""
        task = Task(self, run)
        self._tasks = [one for one in self._tasks if not one.is_over]
        self._tasks.append(task)
        self.scheduler.after(0.0, self.alive(task.wake))
        return task

    def alive(self, action: Callable[[], None]) -> Callable[[], None]:
        """The action for a scheduler: dropped when the process is dead, late when it is frozen."""

        def act() -> None:
            if self.is_dead:
                return
            if self.scheduler.now_s < self._thaws_at_s:
                self.scheduler.at(self._thaws_at_s, act)
            else:
                action()

        return act

    def freeze(self, for_s: float) -> None:
        """SIGSTOP now, SIGCONT later: nothing of it moves, everybody else goes on."""
        self._thaws_at_s = max(self._thaws_at_s, self.scheduler.now_s + for_s)

    def kill(self) -> None:
        """SIGKILL. Must not be called from one of its own tasks: see `die`."""
        if self.is_dead:
            return
        self.is_dead = True
        for task in self._tasks:
            task.kill()
        self._tasks = []

    def die(self, kill: Callable[[], None]) -> None:
        """Kills the process from within one of its tasks, which does not come back."""
        self.scheduler.after(0.0, kill)
        self.scheduler.park()
        raise AssertionError("a dead task was woken")


class Task:
    """One thread of a process: a greenlet, and what the witness knows of it."""

    def __init__(self, process: Process, run: Callable[[], None]) -> None:
        self.process = process
        self.request_id: str | None = None
        """The job that it took a lease of, and under which name."""
        self.owner: str | None = None
        self.ticket: Ticket | None = None
        """Of the poll message that it handles."""
        self.answered_at: datetime | None = None
        """When (aware UTC) the call that it waits for last took effect."""
        self._run = run
        # When it ends, the scheduler goes on, not the task that happened to spawn it.
        self._greenlet = greenlet.greenlet(self._main, parent=process.scheduler.hub)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self._greenlet.dead)

    def wake(self) -> None:
        """Its turn, until it waits again."""
        if not self.is_over:
            self._turn(self._greenlet.switch)

    def wake_once(self) -> Callable[[], None]:
        """What wakes it from its next wait; calling it again does nothing."""
        is_woken = False

        def wake() -> None:
            nonlocal is_woken
            if not is_woken:
                is_woken = True
                self.wake()

        return wake

    def kill(self) -> None:
        """Ends it where it waits."""
        if self._greenlet:  # begun and not ended
            self._turn(partial(self._greenlet.throw, Killed(self.process.name)))

    def sleep(self, for_s: float) -> None:
        """Lets that much time pass. Called by the task itself."""
        scheduler = self.process.scheduler
        scheduler.after(for_s, self.process.alive(self.wake))
        scheduler.park()

    def _turn(self, switch: Callable[[], None]) -> None:
        scheduler = self.process.scheduler
        scheduler.task = self
        switch()
        scheduler.task = None

    def _main(self) -> None:
        with contextlib.suppress(Killed):
            self._run()
