"""A process that may not have another thread, at moments that a test chooses."""

import threading
from collections.abc import Container

import pytest


def refuse_threads(monkeypatch: pytest.MonkeyPatch, *, numbers: Container[int]) -> None:
    """Refuses to start the threads of these numbers, counted from 1 and from now."""
    real_start = threading.Thread.start
    asked = 0

    def start(thread: threading.Thread) -> None:
        nonlocal asked
        asked += 1
        if asked in numbers:
            raise RuntimeError("can't start new thread")
        real_start(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
