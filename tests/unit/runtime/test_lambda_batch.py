"""A batch on Lambda: every record its own outcome, and an answer in time whatever hangs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.runtime.fakes import PATIENCE_S, FakeEngine, FakeQueue, message
from tests.unit.thread_limit import refuse_threads
from worker.adapters.messages import QueueMessage
from worker.errors import UnavailableError
from worker.jobs.outcomes import Done, Outcome, PollAgain, RetryLater
from worker.ports.clock import WorkBudget
from worker.ports.queues import ReceivedMessage
from worker.runtime.lambda_batch import BatchRunner
from worker.runtime.lambda_event import batch_response
from worker.runtime.lambda_time import InvocationTime
from worker.runtime.slots import Kind


class HandBack(FakeQueue):
    """A queue that remembers that it was hurried, and can be made to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.hurried = 0
        self.hangs = False
        self.on_hurry: Callable[[], None] = lambda: None

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        answer = super().change_visibility_soon(receipt_handle, seconds)
        return Future() if self.hangs else answer

    def hurry(self) -> None:
        self.hurried += 1
        self.on_hurry()


class Deadline:
    """Lambda's clock: stands still until the test moves it."""

    def __init__(self, left_s: float = 60.0) -> None:
        self.left_s = left_s

    def __call__(self) -> int:
        return int(self.left_s * 1000)


def runner(engine: FakeEngine, queue: HandBack, concurrency: int = 8) -> BatchRunner:
    return BatchRunner(Kind.POLLS, handle=engine.handle_poll, queue=queue, concurrency=concurrency)


def run(
    engine: FakeEngine, queue: HandBack, *messages: QueueMessage, left_s: float = 60.0
) -> frozenset[str]:
    return runner(engine, queue).run(messages, InvocationTime(Deadline(left_s)))


def test_what_is_done_is_not_kept_and_what_is_not_is_handed_back_and_kept() -> None:
    engine, queue = FakeEngine(), HandBack()
    engine.outcomes = {"poll": PollAgain(4.2), "retry": RetryLater(30, "down")}
    kept = run(engine, queue, message("done"), message("poll"), message("retry"))
    assert kept == {"poll", "retry"}
    assert sorted(queue.hidden) == [("receipt-poll", 5), ("receipt-retry", 30)]
    assert not queue.deleted
    assert queue.hurried == 1


def test_a_runner_that_is_retired_leaves_no_thread() -> None:
    workers: list[threading.Thread] = []

    def handle(_message: ReceivedMessage, _budget: WorkBudget) -> Outcome:
        workers.append(threading.current_thread())
        return Done()

    retired = BatchRunner(Kind.POLLS, handle=handle, queue=HandBack(), concurrency=1)
    assert not retired.run([message("a")], InvocationTime(Deadline()))
    retired.retire()
    workers[0].join(PATIENCE_S)
    assert not workers[0].is_alive()


def test_a_batch_that_is_done_tells_the_queue_nothing() -> None:
    engine, queue = FakeEngine(), HandBack()
    assert not run(engine, queue, message("a"), message("b"))
    assert not queue.hidden
    assert not queue.hurried


def test_the_engine_hears_how_often_a_message_came_and_how_much_time_is_left() -> None:
    engine, queue = FakeEngine(), HandBack()
    run(engine, queue, message("a", receive_count=7), left_s=50)
    assert engine.receive_counts == {"a": 7}
    assert engine.budgets["a"].remaining_s() == 48


def test_a_bug_costs_one_message_and_it_is_kept() -> None:
    engine, queue = FakeEngine(), HandBack()
    engine.outcomes = {"bad": RuntimeError("bug")}
    assert run(engine, queue, message("good"), message("bad")) == {"bad"}
    assert not queue.hidden, "it comes back by itself"


def test_a_hand_back_that_fails_leaves_the_message_kept() -> None:
    engine, queue = FakeEngine(), HandBack()
    engine.outcomes = {"poll": PollAgain(1)}
    queue.answer = UnavailableError("no")
    assert run(engine, queue, message("poll")) == {"poll"}
    queue.answer = False
    assert run(engine, queue, message("poll")) == {"poll"}


def test_no_message_is_begun_without_time_for_it_and_all_are_handed_back_at_once() -> None:
    engine, queue = FakeEngine(), HandBack()
    assert run(engine, queue, message("a"), message("b"), left_s=6.9) == {"a", "b"}
    assert not engine.started
    assert sorted(queue.hidden) == [("receipt-a", 0), ("receipt-b", 0)]


def test_no_invocation_ends_before_its_work_because_another_thread_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Lambda would freeze the work, a paid call perhaps, and thaw it when its lease is over.
    refuse_threads(monkeypatch, numbers=range(2, 10))
    engine, queue = FakeEngine(), HandBack()
    assert not run(engine, queue, message("a"), message("b"), message("c"))
    assert sorted(engine.started) == ["a", "b", "c"]


def test_no_more_messages_are_worked_on_at_once_than_set() -> None:
    engine, queue = FakeEngine(holds=True), HandBack()
    threads = runner(engine, queue, concurrency=2)
    kept: list[frozenset[str]] = []
    batch = [message(str(number)) for number in range(6)]
    running = threading.Thread(
        target=lambda: kept.append(threads.run(batch, InvocationTime(Deadline())))
    )
    running.start()
    engine.wait_for(lambda: len(engine.at_work) == 2)
    engine.let_all_go()
    running.join(PATIENCE_S)
    assert kept == [frozenset()]
    assert engine.most_at_work == 2


def test_the_answer_is_there_in_time_when_work_hangs_and_what_hangs_stays_hidden() -> None:
    engine, queue, deadline = FakeEngine(holds=True), HandBack(), Deadline()
    threads = runner(engine, queue, concurrency=2)
    kept: list[frozenset[str]] = []
    batch = [message(str(number)) for number in range(4)]
    running = threading.Thread(
        target=lambda: kept.append(threads.run(batch, InvocationTime(deadline)))
    )
    running.start()
    engine.wait_for(lambda: len(engine.at_work) == 2)
    deadline.left_s = 1.9
    running.join(PATIENCE_S)
    assert kept == [{"0", "1", "2", "3"}]
    hanging = set(engine.at_work)
    waiting = {f"receipt-{name}" for name in {"0", "1", "2", "3"} - hanging}
    assert {receipt for receipt, seconds in queue.hidden if seconds == 0} == waiting
    assert len(queue.hidden) == 2

    # What ends after its invocation changes nothing in a later one, which has threads of its own.
    deadline.left_s = 60.0
    engine.outcomes = {name: PollAgain(9) for name in hanging}
    later = threading.Thread(
        target=lambda: kept.append(threads.run([message("next")], InvocationTime(deadline)))
    )
    later.start()
    engine.wait_for(lambda: "next" in engine.at_work)
    engine.let_all_go()
    later.join(PATIENCE_S)
    assert kept[1:] == [frozenset()]
    engine.wait_for(lambda: not engine.at_work)
    assert len(queue.hidden) == 2
    assert not set(engine.started) & ({"0", "1", "2", "3"} - hanging), "begun in a later invocation"


def test_no_thread_outlives_its_work_when_an_invocation_was_over_before() -> None:
    engine, queue, deadline = FakeEngine(holds=True), HandBack(), Deadline()
    before = set(threading.enumerate())
    batch = [message(str(number)) for number in range(3)]
    running = threading.Thread(
        target=lambda: runner(engine, queue, concurrency=2).run(batch, InvocationTime(deadline))
    )
    running.start()
    engine.wait_for(lambda: len(engine.at_work) == 2)
    made = set(threading.enumerate()) - before
    deadline.left_s = 1.9
    running.join(PATIENCE_S)
    engine.let_all_go()
    for thread in made:
        thread.join(PATIENCE_S)
    assert not [thread.name for thread in made if thread.is_alive()]


def test_a_queue_that_hangs_does_not_hold_up_the_answer() -> None:
    engine, queue = FakeEngine(), HandBack()
    engine.outcomes = {"poll": PollAgain(1)}
    queue.hangs = True
    deadline = Deadline()
    queue.on_hurry = lambda: setattr(deadline, "left_s", 0.55)
    assert runner(engine, queue).run([message("poll")], InvocationTime(deadline)) == {"poll"}


def test_a_message_without_a_receipt_is_kept_and_not_handed_back() -> None:
    engine, queue = FakeEngine(), HandBack()
    engine.outcomes = {"a": PollAgain(1)}
    nameless = QueueMessage(
        body="a", receipt_handle="", message_id="a", receive_count=1, sent_at=message("a").sent_at
    )
    assert run(engine, queue, nameless) == {"a"}
    assert not queue.hidden


def test_a_message_that_is_in_the_batch_twice_is_kept_unless_it_is_done_both_times() -> None:
    queue = HandBack()
    outcomes: Iterator[Outcome] = iter([Done(), PollAgain(1)])
    lock = threading.Lock()

    def handle(_message: ReceivedMessage, _budget: WorkBudget) -> Outcome:
        with lock:
            return next(outcomes)

    threads = BatchRunner(Kind.REQUESTS, handle=handle, queue=queue, concurrency=2)
    batch = [message("a"), message("a")]
    assert threads.run(batch, InvocationTime(Deadline())) == {"a"}


outcomes = st.sampled_from([Done(), PollAgain(1), RetryLater(0, "stop"), RuntimeError("bug")])


@pytest.fixture(scope="module")
def told() -> dict[str, Outcome | Exception]:
    """What `quick_runner`'s engine answers, by body."""
    return {}


@pytest.fixture(scope="module")
def quick_runner(told: dict[str, Outcome | Exception]) -> BatchRunner:
    """One for all examples: its threads are never given back."""

    def handle(received: ReceivedMessage, _budget: WorkBudget) -> Outcome:
        outcome = told[received.body]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return BatchRunner(Kind.POLLS, handle=handle, queue=HandBack(), concurrency=3)


@given(found=st.lists(st.tuples(st.sampled_from("abcdef"), outcomes), max_size=10))
def test_whatever_becomes_of_the_records_the_answer_keeps_all_that_is_not_done(
    found: list[tuple[str, Outcome | Exception]],
    told: dict[str, Outcome | Exception],
    quick_runner: BatchRunner,
) -> None:
    told.clear()
    told.update({f"{index}": outcome for index, (_, outcome) in enumerate(found)})
    batch = [
        QueueMessage(
            body=f"{index}",
            receipt_handle=f"receipt-{index}",
            message_id=name,
            receive_count=1,
            sent_at=message("a").sent_at,
        )
        for index, (name, _) in enumerate(found)
    ]
    kept = quick_runner.run(batch, InvocationTime(Deadline()))
    answer = batch_response([one.message_id for one in batch], kept)
    named = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(named) == len(set(named))
    assert set(named) == {name for name, outcome in found if not isinstance(outcome, Done)}


@pytest.mark.parametrize("left_s", [0.0, -1.0])
def test_an_invocation_without_any_time_keeps_everything(left_s: float) -> None:
    engine, queue = FakeEngine(), HandBack()
    assert run(engine, queue, message("a"), left_s=left_s) == {"a"}
    assert not engine.started
