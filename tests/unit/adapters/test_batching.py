"""The batcher, with threads and without waiting for time to pass: calls are held by hand."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import pytest

from tests.unit.thread_limit import refuse_threads
from worker.adapters.aws.batching import Batcher, BatcherClosedError

FOREVER_S = 600.0
"""A linger that no test waits for: what is sent is sent for another reason."""

SOON_S = 10.0
"""The longest that a broken test hangs."""


class Recorder:
    """Records batches; while `held`, a call does not return before it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started = threading.Semaphore(0)
        self._let_go = threading.Event()
        self._let_go.set()

    def hold(self) -> None:
        self._let_go.clear()

    def let_go(self) -> None:
        self._let_go.set()

    def __call__(self, items: Sequence[str]) -> list[str | Exception]:
        self.batches.append(list(items))
        self.started.release()
        assert self._let_go.wait(SOON_S)
        return [ValueError(item) if item.startswith("bad") else item.upper() for item in items]


def letters(count: int) -> list[str]:
    return [chr(ord("a") + number) for number in range(count)]


def results(futures: Sequence[Future[str]]) -> list[str]:
    return [future.result(SOON_S) for future in futures]


def test_full_batch_is_sent_at_once() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=FOREVER_S, max_entries=3)
    assert results([batcher.submit(one) for one in letters(3)]) == ["A", "B", "C"]
    assert recorder.batches == [["a", "b", "c"]]
    batcher.close()


def test_hurry_sends_what_waits_and_only_that() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=FOREVER_S, max_entries=3)
    waiting = [batcher.submit(one) for one in letters(2)]
    batcher.hurry()
    assert results(waiting) == ["A", "B"]
    later = batcher.submit("c")
    assert not later.done()
    batcher.close()
    assert recorder.batches == [["a", "b"], ["c"]]


def test_item_alone_is_sent_after_its_linger() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=0.001)
    assert batcher.submit("a").result(SOON_S) == "A"
    assert batcher.submit("b").result(SOON_S) == "B"
    assert recorder.batches == [["a"], ["b"]]
    batcher.close()


def test_items_that_arrive_while_all_senders_are_busy_go_together() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=0.0, max_entries=10, senders=1)
    recorder.hold()
    first = batcher.submit("a")
    assert recorder.started.acquire(timeout=SOON_S)
    rest = [batcher.submit(one) for one in "bcd"]
    recorder.let_go()
    assert results([first, *rest]) == ["A", "B", "C", "D"]
    assert recorder.batches == [["a"], ["b", "c", "d"]]
    batcher.close()


def test_second_sender_goes_on_while_the_first_call_hangs() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=FOREVER_S, max_entries=1, senders=2)
    recorder.hold()
    answers = [batcher.submit("a")]
    assert recorder.started.acquire(timeout=SOON_S)
    answers.append(batcher.submit("b"))
    assert recorder.started.acquire(timeout=SOON_S)
    recorder.let_go()
    assert results(answers) == ["A", "B"]
    batcher.close()


def test_more_than_a_batch_is_split_in_order() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=FOREVER_S, max_entries=4, senders=1)
    futures = [batcher.submit(one) for one in letters(10)]
    batcher.close()
    assert results(futures) == [one.upper() for one in letters(10)]
    assert [item for batch in recorder.batches for item in batch] == letters(10)
    assert max(len(batch) for batch in recorder.batches) <= 4


def test_each_item_gets_its_own_error() -> None:
    batcher = Batcher(Recorder(), name="t", linger_s=FOREVER_S, max_entries=3)
    good, bad, also_good = (batcher.submit(one) for one in ("a", "bad", "c"))
    assert results([good, also_good]) == ["A", "C"]
    with pytest.raises(ValueError, match="bad"):
        bad.result(SOON_S)
    batcher.close()


def test_failed_call_is_everybodys_error_and_the_next_batch_goes_on() -> None:
    outcomes: list[list[str] | OSError] = [OSError("down"), ["A", "B"]]

    def send(items: Sequence[str]) -> list[str]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    batcher: Batcher[str, str] = Batcher(send, name="t", linger_s=FOREVER_S, max_entries=2)
    for failed in [batcher.submit("a"), batcher.submit("b")]:
        with pytest.raises(OSError, match="down"):
            failed.result(SOON_S)
    assert results([batcher.submit("a"), batcher.submit("b")]) == ["A", "B"]
    batcher.close()


def test_missing_outcomes_are_an_error_and_not_a_hang() -> None:
    batcher: Batcher[str, str] = Batcher(
        lambda _: ["A"], name="t", linger_s=FOREVER_S, max_entries=2
    )
    for answer in [batcher.submit("a"), batcher.submit("b")]:
        with pytest.raises(RuntimeError, match="1 outcomes for 2 items"):
            answer.result(SOON_S)
    batcher.close()


def test_batch_stays_under_the_bytes_that_a_request_may_have() -> None:
    recorder = Recorder()
    batcher = Batcher(
        recorder, name="t", linger_s=FOREVER_S, max_bytes=5, size_bytes=len, senders=1
    )
    futures = [batcher.submit(one) for one in ("aaa", "bb", "ccc", "dd", "eeeeeee", "f")]
    batcher.close()
    results(futures)
    assert recorder.batches == [["aaa", "bb"], ["ccc", "dd"], ["eeeeeee"], ["f"]]


def test_close_sends_what_waits_and_then_takes_nothing_more() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=FOREVER_S)
    waiting = batcher.submit("a")
    batcher.close()
    assert waiting.result(0) == "A"
    with pytest.raises(BatcherClosedError, match="t: closed"):
        batcher.submit("b")


def test_close_waits_for_the_call_under_way_and_ends_all_threads() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="close-test", linger_s=0.0, senders=3)
    recorder.hold()
    futures = [batcher.submit("a")]
    assert recorder.started.acquire(timeout=SOON_S)
    futures += [batcher.submit(one) for one in "bcdefgh"]
    closing = threading.Thread(target=batcher.close)
    closing.start()
    recorder.let_go()
    closing.join(SOON_S)
    assert not closing.is_alive()
    assert results(futures) == [one.upper() for one in "abcdefgh"]
    assert not [one for one in threading.enumerate() if one.name.startswith("close-test")]


def test_close_ends_the_sender_that_has_nothing_to_do_while_another_gathers() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="idle-test", linger_s=FOREVER_S, max_entries=2, senders=2)
    recorder.hold()
    futures = []
    for pair in ("ab", "cd"):
        futures += [batcher.submit(one) for one in pair]
        assert recorder.started.acquire(timeout=SOON_S)
    recorder.let_go()
    yield_until(lambda: batcher._idle == 2)
    futures.append(batcher.submit("e"))
    yield_until(lambda: batcher._is_gathering)
    closing = threading.Thread(target=batcher.close, daemon=True)
    closing.start()
    closing.join(SOON_S)
    assert not closing.is_alive()
    assert results(futures) == ["A", "B", "C", "D", "E"]


def yield_until(is_so: Callable[[], bool]) -> None:
    """Gives way to the other threads until it is so; the test's own timeout is the limit."""
    while not is_so():
        os.sched_yield()


def test_unused_batcher_has_no_thread_and_closes() -> None:
    batcher = Batcher(Recorder(), name="unused", linger_s=FOREVER_S)
    assert not [one for one in threading.enumerate() if one.name.startswith("unused")]
    batcher.close()


def test_answer_cannot_be_cancelled_because_the_item_may_be_on_its_way() -> None:
    batcher = Batcher(Recorder(), name="t", linger_s=FOREVER_S)
    answer = batcher.submit("a")
    assert not answer.cancel()
    batcher.close()
    assert answer.result(0) == "A"


def test_many_threads_each_get_the_answer_to_their_own_item() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder, name="t", linger_s=0.0005, senders=3)
    answers: dict[str, str] = {}

    def work(thread: int) -> None:
        for number in range(40):
            item = f"{thread}-{number}-x"
            answers[item] = batcher.call(item)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON_S)
    batcher.close()
    assert len(answers) == 12 * 40
    assert all(answer == item.upper() for item, answer in answers.items())
    assert max(len(batch) for batch in recorder.batches) <= 10


def test_an_item_for_which_no_thread_can_be_started_is_refused_and_the_next_one_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_threads(monkeypatch, numbers={1, 2})
    recorder = Recorder()
    batcher: Batcher[str, str] = Batcher(recorder, name="test", linger_s=0.0)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            batcher.submit("refused")
    assert batcher.submit("sent").result(SOON_S) == "SENT"
    assert recorder.batches == [["sent"]]
    batcher.close()


def test_an_item_for_which_no_other_thread_can_be_started_is_sent_by_the_one_that_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_threads(monkeypatch, numbers={2})
    recorder = Recorder()
    recorder.hold()
    batcher: Batcher[str, str] = Batcher(recorder, name="test", linger_s=0.0)
    first = batcher.submit("first")
    assert recorder.started.acquire(timeout=SOON_S)
    second = batcher.submit("second")
    recorder.let_go()
    assert results([first, second]) == ["FIRST", "SECOND"]
    batcher.close()
