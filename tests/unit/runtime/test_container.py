import threading
from collections.abc import Iterator

import pytest

from tests.support.logs import all_logs
from tests.unit.runtime.fakes import PATIENCE_S, FakeEngine, FakeQueue, message
from worker.jobs.outcomes import PollAgain, RetryLater
from worker.runtime.container import Container, ContainerConfig
from worker.runtime.slots import Kind, kept_for_polls


class Rig:
    """A container on two fake queues and a fake engine."""

    def __init__(self, *, concurrency: int = 8, holds: bool = False, stop_within_s: float = 25.0):
        self.requests, self.polls = FakeQueue(), FakeQueue()
        self.engine = FakeEngine(holds=holds)
        self.container = Container(
            engine=self.engine,
            queues={Kind.REQUESTS: self.requests, Kind.POLLS: self.polls},
            config=ContainerConfig(concurrency=concurrency, stop_within_s=stop_within_s),
        )

    def stop(self) -> bool:
        self.container.begin_stop()
        return self.container.finish_stop()

    def release(self) -> None:
        """Ends long polls, as time would."""
        self.requests.release()
        self.polls.release()

    def clean_up(self) -> None:
        self.engine.let_all_go()
        self.release()
        self.stop()
        for receiver in self.container._receivers.values():
            if receiver._thread.is_alive():
                receiver._thread.join(PATIENCE_S)


@pytest.fixture
def make() -> Iterator[type[Rig]]:
    made: list[Rig] = []

    class Made(Rig):
        def __init__(self, **options: object) -> None:
            super().__init__(**options)  # type: ignore[arg-type] # handed through as they are
            made.append(self)

    yield Made
    for rig in made:
        rig.clean_up()


def test_a_finished_message_is_deleted_from_its_queue(make: type[Rig]) -> None:
    rig = make()
    rig.container.start()
    rig.requests.put(message("r"))
    rig.polls.put(message("p"))
    rig.requests.wait_for(lambda: rig.requests.deleted == ["receipt-r"])
    rig.polls.wait_for(lambda: rig.polls.deleted == ["receipt-p"])
    assert rig.requests.hidden == rig.polls.hidden == []


def test_a_pending_poll_is_handed_back_for_as_long_as_the_engine_says(make: type[Rig]) -> None:
    rig = make()
    rig.engine.outcomes = {"p": PollAgain(7), "r": RetryLater(3.2, "busy")}
    rig.container.start()
    rig.requests.put(message("r", receive_count=4))
    rig.polls.put(message("p"))
    rig.polls.wait_for(lambda: rig.polls.hidden == [("receipt-p", 7)])
    rig.requests.wait_for(lambda: rig.requests.hidden == [("receipt-r", 4)])
    assert rig.requests.deleted == rig.polls.deleted == []
    assert rig.engine.receive_counts["r"] == 4


def test_never_more_messages_are_in_hand_than_the_concurrency(make: type[Rig]) -> None:
    rig = make(concurrency=8, holds=True)
    rig.requests.put(*(message(f"r{n}") for n in range(40)))
    rig.polls.put(*(message(f"p{n}") for n in range(40)))
    rig.container.start()
    rig.engine.wait_for(lambda: len(rig.engine.at_work) == 8)
    assert rig.container.state().free_slots == 0
    rig.engine.let_all_go()
    rig.engine.wait_for(lambda: len(rig.engine.started) == 80 and not rig.engine.at_work)
    assert rig.engine.most_at_work <= 8


def test_requests_leave_slots_for_polls(make: type[Rig]) -> None:
    rig = make(concurrency=32, holds=True)
    rig.requests.put(*(message(f"r{n}") for n in range(40)))
    rig.container.start()
    rig.engine.wait_for(lambda: len(rig.engine.at_work) == 32 - kept_for_polls(32))
    rig.polls.put(message("paid for"))
    rig.engine.wait_for(lambda: "paid for" in rig.engine.at_work)
    assert len(rig.engine.at_work) == 32 - kept_for_polls(32) + 1


def test_an_engine_that_breaks_its_promise_leaves_the_message_to_come_back(
    make: type[Rig],
) -> None:
    rig = make()
    rig.engine.outcomes = {"bad": RuntimeError("a bug")}
    with all_logs() as lines:
        rig.container.start()
        rig.requests.put(message("bad"), message("good"))
        rig.requests.wait_for(lambda: rig.requests.deleted == ["receipt-good"])
        assert rig.container._threads.wait_until_idle(PATIENCE_S)
    assert [line["log_level"] for line in lines if line["action"] == "handler_raised"] == ["error"]
    assert rig.requests.hidden == []
    assert rig.container._heartbeat.held() == []


def test_a_stop_waits_for_running_work_and_answers_for_it(make: type[Rig]) -> None:
    rig = make(holds=True)
    rig.requests.put(message("r"))
    rig.container.start()
    rig.engine.wait_for(lambda: rig.engine.at_work == ["r"])
    assert rig.engine.budgets["r"].remaining_s() == float("inf")
    rig.container.begin_stop()
    assert 0 < rig.engine.budgets["r"].remaining_s() <= 23
    rig.release()
    rig.engine.let_all_go()
    assert rig.container.finish_stop()
    assert rig.requests.deleted == ["receipt-r"]
    assert rig.requests.is_closed
    assert rig.polls.is_closed


def test_a_second_signal_lets_no_further_piece_of_work_begin(make: type[Rig]) -> None:
    rig = make(holds=True)
    rig.requests.put(message("r"))
    rig.container.start()
    rig.engine.wait_for(lambda: rig.engine.at_work == ["r"])
    rig.container.begin_stop()
    rig.container.hurry()
    assert rig.engine.budgets["r"].remaining_s() == 0


def test_a_hurried_stop_does_not_wait_for_a_long_poll(make: type[Rig]) -> None:
    rig = make()
    rig.container.start()
    rig.requests.wait_for(lambda: rig.requests.in_receive and len(rig.requests.asked) > 1)
    rig.container.begin_stop()
    rig.container.hurry()
    assert rig.container.finish_stop()
    assert rig.requests.in_receive == 1  # it is still under way


def test_a_stop_waits_for_the_long_poll_and_gives_back_what_it_brings(make: type[Rig]) -> None:
    rig = make()
    rig.container.start()
    rig.polls.wait_for(lambda: rig.polls.in_receive and len(rig.polls.asked) > 1)
    rig.requests.wait_for(lambda: rig.requests.in_receive and len(rig.requests.asked) > 1)
    rig.container.begin_stop()
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(rig.container.finish_stop()))
    stopping.start()
    rig.polls.release()
    assert not stopped
    rig.requests.put(message("late"))
    stopping.join(PATIENCE_S)
    assert stopped == [True]
    assert rig.requests.hidden == [("receipt-late", 0)]
    assert rig.engine.started == []


def test_a_message_that_nobody_began_is_made_visible_at_once(make: type[Rig]) -> None:
    rig = make()
    rig.container.begin_stop()
    rig.container.work(Kind.REQUESTS, message("r"), 0.0)
    assert rig.requests.hidden == [("receipt-r", 0)]
    assert rig.engine.started == []


def test_work_that_does_not_end_in_time_is_made_visible(make: type[Rig]) -> None:
    rig = make(holds=True, stop_within_s=2.0)  # all of it is kept for giving back
    rig.requests.put(message("stuck"))
    rig.container.start()
    rig.engine.wait_for(lambda: rig.engine.at_work == ["stuck"])
    assert not rig.stop()
    assert rig.requests.hidden == [("receipt-stuck", 0)]
    assert rig.requests.is_closed
    # What the abandoned thread answers later goes nowhere.
    rig.engine.let_all_go()
    assert rig.container._threads.wait_until_idle(PATIENCE_S)
    assert rig.requests.deleted == []


def test_nothing_is_received_after_a_stop_has_begun(make: type[Rig]) -> None:
    rig = make()
    rig.container.start()
    rig.requests.wait_for(lambda: len(rig.requests.asked) > 1 and rig.requests.in_receive)
    rig.container.begin_stop()
    asked = len(rig.requests.asked)
    rig.requests.release()
    rig.container._receivers[Kind.REQUESTS]._thread.join(PATIENCE_S)
    assert len(rig.requests.asked) == asked


def test_a_receiver_that_waits_for_slots_receives_nothing_after_a_stop_has_begun(
    make: type[Rig],
) -> None:
    rig = make(concurrency=2, holds=True)
    rig.requests.put(message("r1"), message("r2"))
    rig.container.start()
    rig.engine.wait_for(lambda: rig.engine.at_work == ["r1"])
    asked = len(rig.requests.asked)
    rig.container.begin_stop()
    rig.release()
    rig.engine.let_all_go()
    assert rig.container.finish_stop()
    rig.container._receivers[Kind.REQUESTS]._thread.join(PATIENCE_S)
    assert len(rig.requests.asked) == asked
    assert [one.body for one in rig.requests.waiting] == ["r2"]


def test_a_message_is_let_go_before_it_is_answered(make: type[Rig]) -> None:
    rig = make()
    held_at_answer: list[int] = []
    rig.requests.on_answer = lambda: held_at_answer.append(len(rig.container._heartbeat.held()))
    rig.container.start()
    rig.requests.put(message("r"))
    rig.requests.wait_for(lambda: rig.requests.deleted)
    assert held_at_answer == [0]  # a later extension would undo the answer


def test_the_state_counts_what_is_in_hand(make: type[Rig]) -> None:
    rig = make(concurrency=8, holds=True)
    rig.polls.put(message("p"))
    rig.container.start()
    rig.engine.wait_for(lambda: rig.engine.at_work == ["p"])
    state = rig.container.state()
    assert state.in_hand == 1
    assert state.free_slots == 7
    assert not state.is_stopping
    rig.container.begin_stop()
    assert rig.container.state().is_stopping
