"""The promises of the WorkQueue port and of the queues behind it, kept by every adapter."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.adapters.clients import clients_for
from tests.builders import at
from tests.support.aws import DeployedAws
from worker.adapters.aws.sqs import SqsQueue, SqsWorkQueue
from worker.adapters.memory import ManualClock, MemoryQueue, MemoryWorkQueue
from worker.adapters.messages import QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.follow import FollowMessage, parse_follow
from worker.contracts.poll import PollMessage, parse_poll
from worker.ports.queues import WorkQueue

POLL = PollMessage(request_id="sku-1", ticket=3)
REASON = DeadLetterReason(
    error_code="image.missing",
    error_message="s3://catalog/a.png: there is no such object – upload it",
    error_stage="upload",
    request_id="sku-1",
    event_id="e" * 40,
    failed_at=at(0),
)


TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"


@dataclass(frozen=True)
class Queues:
    work: WorkQueue
    requests: SqsQueue | MemoryQueue
    polls: SqsQueue | MemoryQueue
    dead_letters: SqsQueue | MemoryQueue


@pytest.fixture(params=["memory", "ministack", "moto"])
def queues(request: pytest.FixtureRequest) -> Iterator[Queues]:
    if request.param == "memory":
        clock = ManualClock()
        three = {name: MemoryQueue(clock) for name in ("requests", "polls", "dead_letters")}
        yield Queues(MemoryWorkQueue(**three), **three)
        return
    aws: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
    sqs = clients_for(aws).sqs
    real = {
        "requests": SqsQueue(sqs, aws.outputs.request_queue_url),
        "polls": SqsQueue(sqs, aws.outputs.poll_queue_url),
        "dead_letters": SqsQueue(sqs, aws.outputs.dead_letter_queue_url),
    }
    yield Queues(SqsWorkQueue(**real), **real)
    for queue in real.values():
        queue.close()


def received(queue: SqsQueue | MemoryQueue) -> list[QueueMessage]:
    return queue.receive(max_messages=10, wait_s=0, visibility_s=300)


def only(queue: SqsQueue | MemoryQueue) -> QueueMessage:
    (message,) = received(queue)
    return message


def test_poll_message_arrives_as_it_was_sent(queues: Queues) -> None:
    queues.work.send_poll(POLL, delay_s=0)
    message = only(queues.polls)
    assert parse_poll(message.body) == POLL
    assert message.receive_count == 1
    assert message.sent_at.tzinfo is not None
    assert message.message_id


def test_delayed_poll_is_not_visible_yet(queues: Queues) -> None:
    queues.work.send_poll(POLL, delay_s=900)
    assert received(queues.polls) == []


def test_jobs_in_flight_are_counted_whether_their_messages_are_visible_or_not(
    queues: Queues,
) -> None:
    assert queues.work.jobs_in_flight() == 0
    queues.work.send_poll(POLL, delay_s=0)
    queues.work.send_poll(POLL, delay_s=0)
    assert len(queues.polls.receive(max_messages=1, wait_s=0, visibility_s=300)) == 1
    queues.work.send_poll(POLL, delay_s=900)
    assert queues.work.jobs_in_flight() == 3


def test_polls_of_many_threads_all_arrive(queues: Queues) -> None:
    with ThreadPoolExecutor(12) as pool:
        messages = [PollMessage(request_id=f"sku-{n}", ticket=n) for n in range(25)]
        list(pool.map(lambda one: queues.work.send_poll(one, delay_s=0), messages))
    found = [parse_poll(one.body) for _ in range(4) for one in received(queues.polls)]
    assert sorted(found, key=lambda one: one.ticket) == messages


def test_dead_letter_keeps_the_body_and_says_why(queues: Queues) -> None:
    body = '{"workflow": "naomi", "prompt": "Kleid – größer\\u2028 als sonst", "x": "<&>"}'
    queues.work.send_dead_letter(body, REASON)
    message = only(queues.dead_letters)
    assert message.body == body
    assert DeadLetterReason.from_attributes(message.attributes) == REASON


def test_dead_letter_of_an_unreadable_message_has_fewer_attributes(queues: Queues) -> None:
    unreadable = DeadLetterReason(
        error_code="request.malformed",
        error_message="not JSON",
        error_stage="accept",
        request_id=None,
        event_id=None,
        failed_at=at(0),
    )
    queues.work.send_dead_letter("{", unreadable)
    assert DeadLetterReason.from_attributes(only(queues.dead_letters).attributes) == unreadable


def test_received_message_is_invisible_to_others(queues: Queues) -> None:
    queues.polls.send("one")
    only(queues.polls)
    assert received(queues.polls) == []


def test_no_more_messages_come_than_were_asked_for(queues: Queues) -> None:
    for number in range(3):
        queues.polls.send(f"{number}")
    assert len(queues.polls.receive(max_messages=2, wait_s=0, visibility_s=300)) <= 2


def test_message_that_is_handed_back_comes_again_and_is_counted(queues: Queues) -> None:
    queues.polls.send("one")
    first = only(queues.polls)
    assert queues.polls.change_visibility(first.receipt_handle, 0)
    again = only(queues.polls)
    assert again.body == "one"
    assert again.message_id == first.message_id
    assert again.receive_count == 2
    assert again.receipt_handle != first.receipt_handle


def test_message_that_is_hidden_longer_stays_hidden(queues: Queues) -> None:
    queues.polls.send("one")
    assert queues.polls.change_visibility(only(queues.polls).receipt_handle, 600)
    assert received(queues.polls) == []


def test_deleted_message_is_gone(queues: Queues) -> None:
    queues.polls.send("one")
    message = only(queues.polls)
    assert queues.polls.delete(message.receipt_handle)
    assert queues.polls.change_visibility(message.receipt_handle, 0) is False
    assert received(queues.polls) == []


def test_receipt_handle_that_never_was_is_no_error(queues: Queues) -> None:
    assert queues.polls.delete("made-up") is False
    assert queues.polls.change_visibility("made-up", 5) is False


def test_attributes_arrive_and_empty_ones_are_left_out(queues: Queues) -> None:
    queues.polls.send("one", attributes={"state": "ready", "empty": ""})
    assert only(queues.polls).attributes == {"state": "ready"}


def test_requests_are_all_there_once_they_are_sent(queues: Queues) -> None:
    bodies = [f'{{"requestId": "b.{number}"}}' for number in range(25)]
    queues.work.send_requests(bodies, trace=TRACE)
    received: list[str] = []
    while len(received) < len(bodies):
        found = queues.requests.receive(max_messages=10, wait_s=1, visibility_s=60)
        assert found
        received += [one.body for one in found]
        assert {one.trace for one in found} <= {TRACE, None}
    assert sorted(received) == sorted(bodies)


def test_a_follow_message_waits_on_the_polls_queue(queues: Queues) -> None:
    message = FollowMessage(batch_id="spring-24", ticket=3)
    queues.work.send_follow(message, delay_s=0)
    (found,) = queues.polls.receive(wait_s=1, visibility_s=60)
    assert parse_follow(found.body) == message
