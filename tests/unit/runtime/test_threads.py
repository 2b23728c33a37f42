"""The pool of threads, when the process may not have another one."""

import threading

import pytest

from tests.unit.runtime.fakes import PATIENCE_S
from tests.unit.thread_limit import refuse_threads
from worker.runtime.threads import WorkerThreads


def test_a_task_without_a_thread_of_its_own_is_done_by_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_threads(monkeypatch, numbers={2})
    threads = WorkerThreads(2, name="work")
    free, done = threading.Event(), threading.Event()

    def wait() -> None:
        free.wait(PATIENCE_S)

    threads.submit(wait)
    threads.submit(done.set)
    free.set()
    assert done.wait(PATIENCE_S)
    assert threads.wait_until_idle(PATIENCE_S)
    threads.retire()


def test_a_thread_that_could_not_be_started_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_threads(monkeypatch, numbers={2})
    threads = WorkerThreads(2, name="work")
    free = threading.Event()
    meeting = threading.Barrier(2)

    def wait() -> None:
        free.wait(PATIENCE_S)

    def meet() -> None:
        meeting.wait(PATIENCE_S)

    threads.submit(wait)
    threads.submit(wait)
    free.set()
    assert threads.wait_until_idle(PATIENCE_S)
    threads.submit(meet)
    threads.submit(meet)
    assert threads.wait_until_idle(PATIENCE_S)
    assert not meeting.broken
    threads.retire()


def test_a_pool_that_could_not_start_any_thread_works_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_threads(monkeypatch, numbers={1})
    threads = WorkerThreads(1, name="work")
    done = threading.Event()
    with pytest.raises(RuntimeError):
        threads.submit(done.set)
    assert not threads.unfinished
    threads.submit(done.set)
    assert done.wait(PATIENCE_S)
    assert threads.wait_until_idle(PATIENCE_S)
    threads.retire()
