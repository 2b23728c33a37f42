import threading
import time
from concurrent.futures import Future

from tests.support.logs import all_logs
from tests.unit.runtime.fakes import PATIENCE_S, FakeMonotonic, FakeQueue
from worker.errors import UnavailableError
from worker.runtime.heartbeat import Heartbeat
from worker.runtime.slots import Kind


def make(clock: FakeMonotonic, *, visibility_s: int = 60) -> tuple[Heartbeat, FakeQueue, FakeQueue]:
    requests, polls = FakeQueue(), FakeQueue()
    queues = {Kind.REQUESTS: requests, Kind.POLLS: polls}
    return Heartbeat(queues, visibility_s=visibility_s, monotonic=clock), requests, polls


def test_a_message_is_extended_at_half_time_and_again() -> None:
    clock = FakeMonotonic()
    heartbeat, requests, polls = make(clock)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=clock.now_s)
    clock.now_s += 29
    heartbeat.beat()
    assert requests.hidden == []
    clock.now_s += 1
    heartbeat.beat()
    assert requests.hidden == [("a", 60)]
    clock.now_s += 29
    heartbeat.beat()
    assert requests.hidden == [("a", 60)]
    clock.now_s += 1
    heartbeat.beat()
    assert requests.hidden == [("a", 60), ("a", 60)]
    assert polls.hidden == []


def test_a_message_that_was_let_go_is_not_extended() -> None:
    clock = FakeMonotonic()
    heartbeat, requests, _ = make(clock)
    heartbeat.hold(Kind.REQUESTS, ["a", "b"], received_at_s=clock.now_s)
    heartbeat.let_go("a")
    clock.now_s += 30
    heartbeat.beat()
    assert requests.hidden == [("b", 60)]


def test_an_extension_that_failed_is_tried_again_soon() -> None:
    clock = FakeMonotonic()
    heartbeat, requests, _ = make(clock)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=clock.now_s)
    requests.answer = UnavailableError("SQS is away")
    clock.now_s += 30
    with all_logs() as lines:
        heartbeat.beat()
    assert [(line["action"], line["reason"]) for line in lines] == [
        ("heartbeat_failed", "SQS is away")
    ]
    requests.answer = True
    clock.now_s += 6
    heartbeat.beat()
    assert len(requests.hidden) == 2


def test_a_message_that_is_not_ours_any_more_is_not_extended_again() -> None:
    clock = FakeMonotonic()
    heartbeat, requests, _ = make(clock)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=clock.now_s)
    requests.answer = False
    clock.now_s += 30
    heartbeat.beat()
    clock.now_s += 600
    heartbeat.beat()
    assert len(requests.hidden) == 1


def test_no_extension_goes_beyond_the_twelve_hours_of_sqs() -> None:
    clock = FakeMonotonic()
    heartbeat, requests, _ = make(clock, visibility_s=43_200)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=clock.now_s)
    clock.now_s += 21_600
    heartbeat.beat()
    [(_, granted_s)] = requests.hidden
    assert granted_s + 21_600 < 43_200
    clock.now_s += 21_600
    heartbeat.beat()
    assert len(requests.hidden) == 1


def test_letting_go_waits_for_an_extension_under_way() -> None:
    clock = FakeMonotonic()
    order: list[str] = []
    entered, may_answer = threading.Event(), threading.Event()

    class SlowQueue(FakeQueue):
        def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
            entered.set()
            assert may_answer.wait(PATIENCE_S)
            order.append("extended")
            return super().change_visibility_soon(receipt_handle, seconds)

    queues = {Kind.REQUESTS: SlowQueue(), Kind.POLLS: FakeQueue()}
    heartbeat = Heartbeat(queues, visibility_s=60, monotonic=clock)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=clock.now_s)
    clock.now_s += 30
    beating = threading.Thread(target=heartbeat.beat)
    beating.start()
    assert entered.wait(PATIENCE_S)

    def let_go() -> None:
        heartbeat.let_go("a")
        order.append("let go")

    letting = threading.Thread(target=let_go)
    letting.start()
    may_answer.set()
    beating.join(PATIENCE_S)
    letting.join(PATIENCE_S)
    assert order == ["extended", "let go"]
    assert heartbeat.held() == []


def test_the_thread_extends_by_itself_and_ends_when_told() -> None:
    requests = FakeQueue()
    heartbeat = Heartbeat({Kind.REQUESTS: requests, Kind.POLLS: FakeQueue()}, visibility_s=60)
    heartbeat.hold(Kind.REQUESTS, ["a"], received_at_s=time.monotonic() - 30)
    heartbeat.start()
    requests.wait_for(lambda: requests.hidden == [("a", 60)])
    heartbeat.stop(timeout_s=PATIENCE_S)
    assert heartbeat._thread is not None
    assert not heartbeat._thread.is_alive()
