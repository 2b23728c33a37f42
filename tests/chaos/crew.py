"""The worker processes of a run: a crew that stays at its size however many are shot."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.aws import guard
from sandbox.children import WorkerProcess
from sandbox.local import LocalStack

END_DEADLINE_S = 120.0
"""For the last stop. A worker promises 25 s; a busy machine may be slow, and nobody is asked how
long it took here."""

_LOOK_EVERY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How one worker process ended.

    Attributes:
        worker: its name.
        code: its exit code; negative: the signal that ended it.
        told: the signal that we sent to end it; None: it ended by itself.
        after_s: seconds from that signal to the exit.
        was_frozen: whether it was stopped (SIGSTOP) meanwhile, so that `after_s` says nothing.
        log: where its log is kept.
    """

    worker: str
    code: int
    told: signal.Signals | None
    after_s: float
    was_frozen: bool
    log: Path


@dataclass(slots=True)
class Mate:
    """One worker process of the crew."""

    process: WorkerProcess
    told: signal.Signals | None = None
    told_at_s: float = 0.0
    is_frozen: bool = False
    was_frozen_since_told: bool = False
    _is_receiving: bool = field(default=False)

    @property
    def is_working(self) -> bool:
        """Whether it receives, and nobody has interfered with it."""
        if not self._is_receiving:
            self._is_receiving = self.process.is_receiving
        return self._is_receiving and self.told is None and not self.is_frozen


class Crew:
    """Starts workers, signals them, replaces those that are to end, and keeps all logs.

    Args:
        stack: what they work on.
        size: how many there are to be.
        logs: folder for their logs; it must exist.
        environment: the settings of worker number n, on top of those of the stack.
        monotonic: clock, seconds.
    """

    def __init__(
        self,
        stack: LocalStack,
        *,
        size: int,
        logs: Path,
        environment: Callable[[int], Mapping[str, str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stack = stack
        self._logs = logs
        self._environment = environment
        self._monotonic = monotonic
        self._started = 0
        self.mates: list[Mate] = []
        self.ends: list[End] = []
        for _ in range(size):
            self._start()

    def working(self) -> list[Mate]:
        """Those that receive and are left in peace."""
        return [mate for mate in self.mates if mate.is_working]

    def frozen(self) -> list[Mate]:
        """Those that are stopped with SIGSTOP."""
        return [mate for mate in self.mates if mate.is_frozen]

    def end(self, mate: Mate, how: signal.Signals) -> None:
        """Sends SIGKILL or SIGTERM and starts a new worker in its place."""
        self._tell(mate, how)
        self._start()

    def freeze(self, mate: Mate) -> None:
        """Stops it in its tracks."""
        mate.is_frozen = mate.was_frozen_since_told = True
        os.kill(mate.process.pid, signal.SIGSTOP)

    def thaw(self, mate: Mate) -> None:
        """Lets it go on, as if no time had passed for it."""
        mate.is_frozen = False
        if mate.process.exit_code is None:
            os.kill(mate.process.pid, signal.SIGCONT)

    def bury(self) -> None:
        """Notes and clears away those that have ended."""
        for mate in [one for one in self.mates if one.process.exit_code is not None]:
            self.mates.remove(mate)
            self._note(mate)

    def dismiss(self) -> None:
        """SIGTERM to all, and wait until all have ended.

        Raises:
            TimeoutError: one has not, long after the time that it promises.
        """
        for mate in self.frozen():
            self.thaw(mate)
        for mate in self.mates:
            if mate.told is None:
                self._tell(mate, signal.SIGTERM)
        deadline_s = self._monotonic() + END_DEADLINE_S
        while self.mates:
            self.bury()
            if self._monotonic() > deadline_s:
                names = ", ".join(mate.process.name for mate in self.mates)
                raise TimeoutError(f"still running {END_DEADLINE_S:g} s after SIGTERM: {names}")
            time.sleep(_LOOK_EVERY_S)

    def abandon(self) -> None:
        """Kills whoever is left, at once: the run is over, however it went."""
        for mate in self.mates:
            mate.process.kill(signal.SIGKILL)
        for mate in self.mates:
            mate.process.wait(END_DEADLINE_S)
        self.bury()

    def _start(self) -> None:
        self._started += 1
        worker = self._stack.add_worker(self._environment(self._started))
        # Ours from here on: the stack stops its own at once, and shows only the end of their logs.
        self._stack.workers.remove(worker)
        worker.name = f"worker-{self._started:03d}"
        self.mates.append(Mate(worker))

    def _tell(self, mate: Mate, how: signal.Signals) -> None:
        mate.told, mate.told_at_s = how, self._monotonic()
        mate.was_frozen_since_told = mate.is_frozen
        mate.process.kill(how)

    def _note(self, mate: Mate) -> None:
        code = mate.process.exit_code
        assert code is not None
        log = self._logs / f"{mate.process.name}.log"
        shutil.copyfile(mate.process.folder / guard.LOG_NAME, log)
        mate.process.release()
        self.ends.append(
            End(
                worker=mate.process.name,
                code=code,
                told=mate.told,
                after_s=self._monotonic() - mate.told_at_s if mate.told else 0.0,
                was_frozen=mate.was_frozen_since_told,
                log=log,
            )
        )
