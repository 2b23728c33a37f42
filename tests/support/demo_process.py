"""Starts a demo, such as `python -m sandbox.demo`, as a person would, and remembers every process it starts."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

DEADLINE_S = 100.0
_LOOK_EVERY_S = 0.05


@dataclass
class DemoProcess:
    """A demo that runs in a folder of its own, which also holds all its temporary files."""

    folder: Path
    arguments: tuple[str, ...] = ()
    module: str = "sandbox.demo"
    deadline_s: float = DEADLINE_S
    output: str = ""
    errors: str = ""
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.module, *self.arguments],
            cwd=self.folder,
            env=os.environ | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(_root())},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, name))
            for stream, name in ((self.process.stdout, "output"), (self.process.stderr, "errors"))
        ]
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        self.until(lambda: self.process.poll() is not None, "the demo ends")
        for reader in self._readers:
            reader.join()
        return self.process.returncode

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for something, and notes the processes of the demo meanwhile."""
        deadline = time.monotonic() + self.deadline_s
        while not condition():
            self._note_processes()
            assert time.monotonic() < deadline, (
                f"{what}: not within {self.deadline_s:g} s\n{self.output}\n{self.errors}"
            )
            time.sleep(_LOOK_EVERY_S)

    def until_all_are_gone(self) -> None:
        """Fails unless every process that was ever seen has ended."""
        self.until(lambda: not self.still_there(), f"processes end: {self.still_there()}")

    def still_there(self) -> list[psutil.Process]:
        """Those that have not ended. A zombie has: only nobody has asked for its exit code."""
        return [
            process
            for process in self.seen.values()
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        ]

    def _note_processes(self) -> None:
        try:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self.seen.setdefault(child.pid, child)
        except psutil.NoSuchProcess:
            pass

    def _read(self, stream, name: str) -> None:
        with stream:
            for line in stream:
                setattr(self, name, getattr(self, name) + line)


def _root() -> Path:
    return Path(__file__).resolve().parents[2]
