import threading

import pytest

from tests.support.logs import all_logs
from tests.unit.runtime.fakes import PATIENCE_S, FakeQueue
from worker.errors import UnavailableError
from worker.runtime.answers import Answers
from worker.runtime.queue_verbs import ChangeVisibility, Delete
from worker.runtime.slots import Kind


def make() -> tuple[Answers, FakeQueue, FakeQueue]:
    requests, polls = FakeQueue(), FakeQueue()
    return Answers({Kind.REQUESTS: requests, Kind.POLLS: polls}), requests, polls


def test_each_verb_goes_to_the_queue_of_its_message() -> None:
    answers, requests, polls = make()
    answers.put(Kind.REQUESTS, "a", Delete())
    answers.put(Kind.POLLS, "b", ChangeVisibility(5))
    assert (requests.deleted, requests.hidden) == (["a"], [])
    assert (polls.deleted, polls.hidden) == ([], [("b", 5)])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (False, "its receipt is out of date"),
        (UnavailableError("SQS is away"), "SQS is away"),
        (RuntimeError("a bug"), "RuntimeError('a bug')"),
    ],
)
def test_an_answer_that_is_lost_is_told_and_harms_nothing(
    answer: bool | Exception, reason: str
) -> None:
    answers, requests, _ = make()
    requests.answer = answer
    with all_logs() as lines:
        answers.put(Kind.REQUESTS, "a", Delete())
    assert [(line["action"], line["verb"], line["reason"]) for line in lines] == [
        ("queue_answer_lost", "Delete", reason)
    ]


def test_a_queue_that_hangs_does_not_hold_up_the_end() -> None:
    hang = threading.Event()

    class HangingQueue(FakeQueue):
        def close(self) -> None:
            hang.wait(PATIENCE_S)

    answers = Answers({Kind.REQUESTS: FakeQueue(), Kind.POLLS: HangingQueue()})
    assert not answers.flush(0.0)
    hang.set()


def test_nothing_is_handed_in_after_the_flush() -> None:
    answers, requests, polls = make()
    assert answers.flush(PATIENCE_S)
    assert requests.is_closed
    assert polls.is_closed
    answers.put(Kind.REQUESTS, "late", Delete())
    assert requests.deleted == []
