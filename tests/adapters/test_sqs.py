"""What only SQS does: batches whose entries fail one by one, its limits, its errors."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.adapters.clients import clients_for
from tests.adapters.test_work_queue import POLL, REASON
from tests.support.aws import DeployedAws
from worker.adapters.aws.sqs import (
    MAX_MESSAGE_BYTES,
    SqsQueue,
    SqsWorkQueue,
    fitting,
    message_bytes,
    whole_seconds,
)
from worker.errors import (
    CredentialsRefusedError,
    SystemicError,
    ThrottledError,
    UnavailableError,
    WorkerError,
)

URL = "http://127.0.0.1:1/000000000000/polls"


class ScriptedClient:
    """Answers batches: an entry whose body or handle is in `failures` fails with that code."""

    def __init__(self, failures: dict[str, dict[str, Any]] | None = None) -> None:
        self.failures = failures or {}
        self.batches: list[list[dict[str, Any]]] = []

    def _batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert QueueUrl == URL
        self.batches.append(Entries)
        failed, successful = [], []
        for entry in Entries:
            failure = self.failures.get(entry.get("MessageBody") or entry["ReceiptHandle"])
            if failure == {}:
                continue  # the answer does not mention it
            if failure:
                failed.append({"Id": entry["Id"], **failure})
            else:
                successful.append({"Id": entry["Id"]})
        return {"Successful": successful, "Failed": failed}

    send_message_batch = delete_message_batch = change_message_visibility_batch = _batch


def queue_on(client: Any, linger_s: float = 30.0) -> SqsQueue:
    """A queue that sends at ten entries, or when it is closed, and not because of the time."""
    return SqsQueue(client, URL, linger_s=linger_s)


@pytest.fixture
def ten() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool


def test_ten_sends_at_a_time_are_one_request(ten: ThreadPoolExecutor) -> None:
    client = ScriptedClient()
    queue = queue_on(client)
    list(ten.map(lambda n: queue.send_batched(f"{n}", delay_s=7), range(10)))
    assert len(client.batches) == 1
    assert Counter(entry["DelaySeconds"] for entry in client.batches[0]) == {7: 10}
    queue.close()


def test_each_entry_of_a_batch_gets_its_own_outcome(ten: ThreadPoolExecutor) -> None:
    client = ScriptedClient(
        {
            "3": {"Code": "InternalError", "Message": "oops", "SenderFault": False},
            "4": {"Code": "RequestThrottled", "Message": "slow", "SenderFault": True},
            "5": {"Code": "KmsAccessDenied", "Message": "key", "SenderFault": True},
            "6": {"Code": "InvalidMessageContents", "Message": "char", "SenderFault": True},
            "7": {},
        }
    )
    queue = queue_on(client)
    outcomes = dict(
        zip(range(10), ten.map(lambda n: outcome_of(queue, f"{n}"), range(10)), strict=True)
    )
    assert {n: type(one) for n, one in outcomes.items() if one} == {
        3: UnavailableError,
        4: ThrottledError,
        5: CredentialsRefusedError,
        6: WorkerError,
        7: UnavailableError,
    }
    assert "SQS SendMessageBatch" in str(outcomes[3])
    assert URL in str(outcomes[3])
    queue.close()


def outcome_of(queue: SqsQueue, body: str) -> WorkerError | None:
    try:
        queue.send_batched(body)
    except WorkerError as error:
        return error
    return None


def test_request_that_fails_as_a_whole_fails_for_everybody(ten: ThreadPoolExecutor) -> None:
    class Silent:
        def send_message_batch(self, **_: Any) -> Any:
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1:1/")

    queue = queue_on(Silent())
    outcomes = list(ten.map(lambda n: outcome_of(queue, f"{n}"), range(10)))
    assert {type(one) for one in outcomes} == {UnavailableError}
    queue.close()


@pytest.mark.parametrize(
    "failure",
    [
        {"Code": "ReceiptHandleIsInvalid", "Message": "no"},
        {"Code": "AWS.SimpleQueueService.MessageNotInflight", "Message": "no"},
        {
            "Code": "InvalidParameterValue",
            "Message": "Value x for parameter ReceiptHandle is invalid. Reason: expired.",
        },
        {
            "Code": "InvalidParameterValue",
            "Message": "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
        },
    ],
)
def test_message_that_is_not_ours_any_more_is_false_and_no_error(failure: dict[str, str]) -> None:
    queue = queue_on(ScriptedClient({"old": {**failure, "SenderFault": True}}))
    answers = [
        queue.delete_soon("old"),
        queue.change_visibility_soon("old", 3),
        queue.delete_soon("new"),
    ]
    queue.close()
    assert [answer.result() for answer in answers] == [False, False, True]


def test_other_bad_parameters_are_errors() -> None:
    failure = {"Code": "InvalidParameterValue", "Message": "VisibilityTimeout", "SenderFault": True}
    queue = queue_on(ScriptedClient({"handle": failure}))
    answer = queue.change_visibility_soon("handle", 3)
    queue.close()
    with pytest.raises(WorkerError, match="InvalidParameterValue"):
        answer.result()


def test_close_sends_what_waits() -> None:
    client = ScriptedClient()
    queue = queue_on(client)
    answers = [queue.delete_soon(f"{n}") for n in range(3)]
    assert client.batches == []
    queue.close()
    assert [answer.result() for answer in answers] == [True, True, True]
    assert len(client.batches) == 1


@pytest.mark.parametrize(
    ("seconds", "whole"),
    [(0, 0), (-1, 0), (0.01, 1), (1.0, 1), (2.1, 3), (43_200, 43_200), (1e9, 43_200)],
)
def test_visibility_is_rounded_up_within_the_limits_of_sqs(seconds: float, whole: int) -> None:
    assert whole_seconds(seconds) == whole


def test_reason_that_does_not_fit_beside_the_body_is_shortened_to_what_does() -> None:
    attributes = REASON.to_attributes()
    room_for_the_code = len("errorCode" + "String" + "image.missing")
    body = "x" * (MAX_MESSAGE_BYTES - room_for_the_code - len("errorStageStringupload") - 60)
    kept = fitting(body, attributes)
    assert message_bytes(body, kept) <= MAX_MESSAGE_BYTES
    assert kept["errorCode"] == "image.missing"
    assert "errorMessage" not in kept
    assert fitting("short", attributes) == attributes


def test_largest_message_can_be_dead_lettered() -> None:
    sent: list[dict[str, Any]] = []

    class RecordingClient:
        def send_message(self, **arguments: Any) -> None:
            sent.append(arguments)

    queue = queue_on(RecordingClient())
    SqsWorkQueue(requests=queue, polls=queue, dead_letters=queue).send_dead_letter(
        "é" * (MAX_MESSAGE_BYTES // 2), REASON
    )
    (message,) = sent
    assert len(message["MessageBody"].encode()) == MAX_MESSAGE_BYTES
    assert message["MessageAttributes"] == {}
    queue.close()


def test_attributes_of_the_queue_say_how_it_is_set_up(aws: DeployedAws) -> None:
    queue = SqsQueue(clients_for(aws).sqs, aws.outputs.poll_queue_url)
    attributes = queue.attributes()
    assert attributes["VisibilityTimeout"] == "300"
    assert "maxReceiveCount" in attributes["RedrivePolicy"]


def test_missing_queue_is_nobodys_job(aws: DeployedAws) -> None:
    queue = SqsQueue(clients_for(aws).sqs, aws.outputs.poll_queue_url + "-gone")
    with pytest.raises(SystemicError, match=r"-gone.*does not exist"):
        queue.receive(wait_s=0, visibility_s=30)
    with pytest.raises(SystemicError, match=r"-gone.*does not exist"):
        queue.send_batched("one")
    queue.close()


TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_each_poll_message_of_a_batch_has_its_own_trace_or_none() -> None:
    # On the wire: both emulators ignore system attributes of messages that are sent in a batch.
    client = ScriptedClient()
    queue = SqsQueue(client, URL)  # type: ignore[arg-type]  # -- the methods that it uses
    SqsWorkQueue(requests=queue, polls=queue, dead_letters=queue).send_poll(
        POLL, delay_s=1, trace=TRACE
    )
    SqsWorkQueue(requests=queue, polls=queue, dead_letters=queue).send_poll(POLL, delay_s=1)
    (first,), (second,) = client.batches
    assert first["MessageSystemAttributes"] == {
        "AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}
    }
    assert "MessageSystemAttributes" not in second
    queue.close()


def test_the_trace_of_a_message_is_received_with_it(aws: DeployedAws) -> None:
    client, url = clients_for(aws).sqs, aws.outputs.request_queue_url
    client.send_message(
        QueueUrl=url,
        MessageBody="with",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}},
    )
    client.send_message(QueueUrl=url, MessageBody="without")
    queue = SqsQueue(client, url)
    found: dict[str, str | None] = {}
    while len(found) < 2:
        found |= {one.body: one.trace for one in queue.receive(visibility_s=60, wait_s=1)}
    assert found == {"with": TRACE, "without": None}
