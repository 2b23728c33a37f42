import random
import threading
from collections.abc import Sequence

import pytest

from tests.support.logs import all_logs
from tests.unit.runtime.fakes import FakeMonotonic, FakeQueue, message
from worker.adapters.messages import QueueMessage
from worker.engine.intake import Intake
from worker.errors import CredentialsRefusedError, ThrottledError, UnavailableError
from worker.ports.notices import HoldReason
from worker.runtime.receiver import HELD_PAUSE_S, MAX_BACKOFF_S, Receiver
from worker.runtime.slots import Kind, Slots


class Rig:
    def __init__(self) -> None:
        self.queue = FakeQueue()
        self.queue.release()
        self.slots = Slots(20, gather_s=0)
        self.clock = FakeMonotonic()
        self.delivered: list[str] = []
        self.stopping = threading.Event()
        self.intake = Intake()
        self.intake_failures: list[Exception] = []
        self.receiver = Receiver(
            Kind.POLLS,
            self.queue,
            slots=self.slots,
            deliver=self._deliver,
            stopping=self.stopping,
            wait_s=20,
            visibility_s=60,
            monotonic=self.clock,
            intake=self._ask,
            jitter=random.Random(1),
        )

    def free(self) -> int:
        return 20 - sum(self.slots._used.values())

    def _ask(self) -> Intake:
        if self.intake_failures:
            raise self.intake_failures.pop()
        return self.intake

    def _deliver(self, kind: Kind, messages: Sequence[QueueMessage]) -> None:
        assert kind is Kind.POLLS
        self.delivered += [one.body for one in messages]


def test_messages_are_asked_for_as_many_as_there_are_slots() -> None:
    rig = Rig()
    rig.queue.put(*(message(str(n)) for n in range(30)))
    assert rig.slots.take(Kind.REQUESTS) == 10
    rig.slots.give(Kind.REQUESTS, 6)
    rig.receiver.receive_once()
    rig.receiver.receive_once()
    assert [asked[0] for asked in rig.queue.asked] == [10, 6]
    assert len(rig.delivered) == 16
    assert rig.free() == 0  # a slot goes with each message


def test_slots_that_brought_no_message_are_given_back() -> None:
    rig = Rig()
    rig.queue.put(message("a"))
    rig.receiver.receive_once()
    assert rig.free() == 19
    rig.queue.failures = [UnavailableError("away")]
    rig.receiver.receive_once()
    assert rig.free() == 19


def test_the_first_receive_answers_at_once_and_long_polls_grow_while_nothing_comes() -> None:
    rig = Rig()
    for _ in range(8):
        rig.receiver.receive_once()
    assert [wait_s for _, wait_s, _ in rig.queue.asked] == [0, 1, 2, 4, 8, 16, 20, 20]
    assert rig.queue.asked[0] == (10, 0, 60)


def test_a_message_makes_long_polls_short_again() -> None:
    rig = Rig()
    for _ in range(4):
        rig.receiver.receive_once()
    rig.queue.put(message("a"))
    rig.receiver.receive_once()
    rig.receiver.receive_once()
    assert [wait_s for _, wait_s, _ in rig.queue.asked] == [0, 1, 2, 4, 8, 1]


def test_trouble_is_told_once_and_its_end_once() -> None:
    rig = Rig()
    rig.queue.failures = [
        UnavailableError("SQS is away [request id 1]"),
        UnavailableError("SQS is away [request id 2]"),
        CredentialsRefusedError("who are you?"),
    ]
    with all_logs() as lines:
        for _ in range(5):
            rig.receiver.receive_once()
    assert [(line["action"], line.get("reason")) for line in lines] == [
        ("receive_failed", "SQS is away"),
        ("receive_failed", "who are you?"),
        ("receive_recovered", None),
    ]
    # After trouble the first call answers at once again, so that recovery is noticed.
    assert [asked[1] for asked in rig.queue.asked] == [0, 0, 0, 0, 1]


def test_the_wait_after_failures_grows_and_is_bounded() -> None:
    rig = Rig()
    rig.queue.failures = [UnavailableError("away") for _ in range(5000)]
    with all_logs():
        waits = [rig.receiver.receive_once() for _ in range(5000)]
    assert 1 <= waits[0] <= 4
    assert max(waits) <= MAX_BACKOFF_S
    assert max(waits[:2]) < max(waits[5:50])


def test_the_servers_advice_wins_over_our_backoff() -> None:
    rig = Rig()
    rig.queue.failures = [ThrottledError("slow down", retry_after_s=17)]
    assert rig.receiver.receive_once() >= 17
    rig.queue.failures = [ThrottledError("slow down", retry_after_s=86_400)]
    assert rig.receiver.receive_once() <= MAX_BACKOFF_S


def test_a_bug_in_a_receive_does_not_end_the_receiver() -> None:
    rig = Rig()
    rig.queue.failures = [RuntimeError("a bug")]
    with all_logs() as lines:
        assert rig.receiver.receive_once() > 0
    assert lines[0]["action"] == "receive_raised"
    rig.queue.put(message("a"))
    rig.receiver.receive_once()
    assert rig.delivered == ["a"]


def test_a_bug_in_the_intake_does_not_end_the_receiver() -> None:
    rig = Rig()
    rig.intake_failures = [RuntimeError("a bug")]
    with all_logs() as lines:
        assert rig.receiver.receive_once() > 0
    assert (lines[0]["action"], rig.free()) == ("receive_raised", 20)
    rig.queue.put(message("a"))
    rig.receiver.receive_once()
    assert rig.delivered == ["a"]


def test_the_state_tells_success_trouble_and_recovery() -> None:
    rig = Rig()
    assert rig.receiver.state().last_success_age_s is None
    rig.receiver.receive_once()
    rig.clock.now_s += 5
    assert rig.receiver.state().last_success_age_s == pytest.approx(5)
    rig.queue.failures = [UnavailableError("away")]
    with all_logs():
        rig.receiver.receive_once()
        assert rig.receiver.state().trouble == "away"
        rig.receiver.receive_once()
    assert rig.receiver.state().trouble is None
    assert rig.receiver.state().call_age_s is None


def test_a_failure_wait_ends_with_the_stop() -> None:
    rig = Rig()
    rig.queue.failures = [ThrottledError("slow down", retry_after_s=30)] * 3
    with all_logs():
        rig.receiver.start()
        rig.queue.wait_for(lambda: rig.queue.asked)
        rig.stopping.set()
        rig.slots.close()
        rig.receiver._thread.join(15)
    assert not rig.receiver.state().is_alive


def test_while_intake_is_held_nothing_is_received_and_so_nothing_counts_as_delivered() -> None:
    rig = Rig()
    rig.queue.put(message("a"))
    rig.intake = Intake(reason=HoldReason.OUT_OF_FUNDS, for_s=240.0)
    assert rig.receiver.receive_once() == HELD_PAUSE_S
    rig.intake = Intake(reason=HoldReason.OUT_OF_FUNDS, for_s=0.3)
    assert rig.receiver.receive_once() == pytest.approx(0.3)
    assert (rig.queue.asked, rig.delivered, rig.free()) == ([], [], 20)


def test_when_a_try_is_due_one_message_is_received_and_has_time_to_find_out() -> None:
    rig = Rig()
    rig.queue.put(message("a"), message("b"), message("c"))
    rig.intake = Intake(reason=HoldReason.OUT_OF_FUNDS, most=1)
    assert rig.receiver.receive_once() == HELD_PAUSE_S
    assert ([asked[0] for asked in rig.queue.asked], rig.delivered) == ([1], ["a"])
    assert rig.free() == 19
    rig.intake = Intake()
    rig.receiver.receive_once()
    assert rig.delivered == ["a", "b", "c"]
