"""SQS queues: what the engine sends, and what a driver receives, deletes and hands back.

Deletes, changes of visibility and poll messages of several threads travel together, up to ten in
a request. A repeated request (the SDK repeats what got no answer) can only duplicate a message:
an old poll message is dropped by its ticket, and a dead letter seen twice is still one request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from worker.adapters.aws.batching import DEFAULT_LINGER_S, MAX_ENTRIES, Batcher
from worker.adapters.aws.errors import AwsCall, aws_errors, entry_error
from worker.adapters.messages import QueueMessage
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.poll import PollMessage
from worker.errors import UnavailableError
from worker.jobs.pacing import MAX_DELAY_S, MAX_VISIBILITY_S

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import MessageSystemAttributeNameType, QueueAttributeNameType

    from worker.contracts.follow import FollowMessage  # imported with the first batch

MAX_MESSAGE_BYTES = 1024 * 1024
"""A message with its attributes, and a whole batch (Source: SQS quotas)."""

_SEND = AwsCall("SQS", "SendMessage", "sqs:SendMessage")
_SEND_BATCH = AwsCall("SQS", "SendMessageBatch", "sqs:SendMessage")
_RECEIVE = AwsCall("SQS", "ReceiveMessage", "sqs:ReceiveMessage")
_DELETE_BATCH = AwsCall("SQS", "DeleteMessageBatch", "sqs:DeleteMessage")
_VISIBILITY_BATCH = AwsCall("SQS", "ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility")
_ATTRIBUTES = AwsCall("SQS", "GetQueueAttributes", "sqs:GetQueueAttributes")

_SIZES: tuple[QueueAttributeNameType, ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)

_SYSTEM: tuple[MessageSystemAttributeNameType, ...] = (
    "ApproximateReceiveCount",
    "SentTimestamp",
    "AWSTraceHeader",
)

_OUTDATED_CODES = ("MessageNotInflight", "ReceiptHandleIsInvalid")
_OUTDATED_REASONS = (
    "receipt handle",
    "ReceiptHandle",
    "Message does not exist",
    "beyond the limit",
)

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class _Send:
    body: str
    delay_s: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class _Visibility:
    receipt_handle: str
    seconds: int


class SqsQueue:
    """One queue, shared by all threads.

    Args:
        client: shared by all threads; it must allow reads of 20 s and more for long polls.
        queue_url: the queue.
        linger_s: how long a delete or the like waits for company before it is sent, in seconds.

    Every method raises ThrottledError, UnavailableError, CredentialsRefusedError, or SystemicError
    when the queue does not exist.
    """

    def __init__(
        self, client: SQSClient, queue_url: str, *, linger_s: float = DEFAULT_LINGER_S
    ) -> None:
        self.queue_url = queue_url
        self._client = client
        name = queue_url.rpartition("/")[2]
        self._sends = Batcher(
            self._send_batch,
            name=f"sqs-send-{name}",
            linger_s=linger_s,
            max_bytes=MAX_MESSAGE_BYTES,
            size_bytes=lambda send: message_bytes(send.body, send.attributes),
        )
        self._deletes = Batcher(self._delete_batch, name=f"sqs-delete-{name}", linger_s=linger_s)
        self._visibilities = Batcher(
            self._visibility_batch, name=f"sqs-visibility-{name}", linger_s=linger_s
        )

    def receive(
        self, *, max_messages: int = 10, wait_s: int = 20, visibility_s: int
    ) -> list[QueueMessage]:
        """Up to `max_messages` (1–10) messages, invisible to others for `visibility_s` seconds.

        Waits up to `wait_s` (0–20) seconds for the first one; an empty list is normal.
        """
        with aws_errors(_RECEIVE, self.queue_url):
            answer = self._client.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=max_messages,
                WaitTimeSeconds=wait_s,
                VisibilityTimeout=visibility_s,
                MessageSystemAttributeNames=[*_SYSTEM],
                MessageAttributeNames=["All"],
            )
        return [_received(message) for message in answer.get("Messages", ())]

    def send(
        self, body: str, *, attributes: Mapping[str, str] | None = None, delay_s: int = 0
    ) -> None:
        """Sends one message in a request of its own, invisible for 0–900 s. Returns once durable."""
        with aws_errors(_SEND, self.queue_url):
            self._client.send_message(
                QueueUrl=self.queue_url,
                MessageBody=body,
                DelaySeconds=delay_s,
                MessageAttributes=string_attributes(attributes or {}),
            )

    def send_batched(
        self,
        body: str,
        *,
        attributes: Mapping[str, str] | None = None,
        delay_s: int = 0,
        trace: str | None = None,
    ) -> None:
        """As `send`, in one request with messages that other threads send at the same time.

        `trace` is an X-Ray header of this message alone; it counts towards no limit.
        """
        self._sends.call(_Send(body, delay_s, attributes or {}, trace))

    def send_all(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        """Sends messages, ten in a request. Returns once all are durable; raises if one is not."""
        answers = [self._sends.submit(_Send(body, 0, trace=trace)) for body in bodies]
        if len(answers) < MAX_ENTRIES:
            self._sends.hurry()
        for answer in answers:
            answer.result()

    def delete(self, receipt_handle: str) -> bool:
        """Deletes a message. False when the handle is out of date: it may be delivered again.

        AWS says so only for some outdated handles; for the others it answers as if it had deleted.
        """
        return self._deletes.call(receipt_handle)

    def delete_soon(self, receipt_handle: str) -> Future[bool]:
        """As `delete`, without waiting: the answer has the result, or the error."""
        return self._deletes.submit(receipt_handle)

    def change_visibility(self, receipt_handle: str, seconds: float) -> bool:
        """Hides a received message for so long from now; 0 makes it visible at once.

        Seconds are rounded up and kept within 0–43,200. False when the message is not ours any
        more: its time was up, it was deleted, or it has been invisible for 12 h in all.
        """
        return self._visibilities.call(_Visibility(receipt_handle, whole_seconds(seconds)))

    def change_visibility_soon(self, receipt_handle: str, seconds: float) -> Future[bool]:
        """As `change_visibility`, without waiting: the answer has the result, or the error."""
        return self._visibilities.submit(_Visibility(receipt_handle, whole_seconds(seconds)))

    def hurry(self) -> None:
        """Sends what waits for company now without waiting any longer. Does not block."""
        for batcher in (self._sends, self._deletes, self._visibilities):
            batcher.hurry()

    def attributes(self) -> dict[str, str]:
        """All attributes of the queue, by the names that SQS gives them, such as `RedrivePolicy`."""
        with aws_errors(_ATTRIBUTES, self.queue_url):
            answer = self._client.get_queue_attributes(
                QueueUrl=self.queue_url, AttributeNames=["All"]
            )
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}

    def size(self) -> int:
        """Messages in the queue, visible, received or delayed: about so many (Source: SQS,
        approximate metrics lag by up to a minute under change).
        """
        with aws_errors(_ATTRIBUTES, self.queue_url):
            answer = self._client.get_queue_attributes(
                QueueUrl=self.queue_url, AttributeNames=[*_SIZES]
            )
        found = answer.get("Attributes", {})
        return sum(int(found.get(name, "0")) for name in _SIZES)

    def close(self) -> None:
        """Sends what still waits in a batch and returns when it is done."""
        for batcher in (self._sends, self._deletes, self._visibilities):
            batcher.close()

    def _send_batch(self, sends: Sequence[_Send]) -> list[Exception | None]:
        with aws_errors(_SEND_BATCH, self.queue_url):
            answer = self._client.send_message_batch(
                QueueUrl=self.queue_url,
                Entries=[_send_entry(index, send) for index, send in enumerate(sends)],
            )
        return self._outcomes(answer, len(sends), _SEND_BATCH, None)

    def _delete_batch(self, handles: Sequence[str]) -> list[bool | Exception]:
        with aws_errors(_DELETE_BATCH, self.queue_url):
            answer = self._client.delete_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle}
                    for index, handle in enumerate(handles)
                ],
            )
        return self._handled(answer, len(handles), _DELETE_BATCH)

    def _visibility_batch(self, changes: Sequence[_Visibility]) -> list[bool | Exception]:
        with aws_errors(_VISIBILITY_BATCH, self.queue_url):
            answer = self._client.change_message_visibility_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {
                        "Id": str(index),
                        "ReceiptHandle": change.receipt_handle,
                        "VisibilityTimeout": change.seconds,
                    }
                    for index, change in enumerate(changes)
                ],
            )
        return self._handled(answer, len(changes), _VISIBILITY_BATCH)

    def _handled(self, answer: Any, count: int, call: AwsCall) -> list[bool | Exception]:
        """True for each entry that took effect, False for each whose handle is out of date."""
        return self._outcomes(answer, count, call, True, outdated=lambda: False)  # noqa: FBT003 - the outcome itself

    def _outcomes(
        self,
        answer: Any,
        count: int,
        call: AwsCall,
        success: S,
        outdated: Callable[[], S] | None = None,
    ) -> list[S | Exception]:
        # An entry that the answer does not mention may or may not have been sent: try again.
        outcomes: list[S | Exception] = [
            UnavailableError(f"{call} on {self.queue_url}: no outcome for this entry")
        ] * count
        for entry in answer.get("Successful", ()):
            outcomes[int(entry["Id"])] = success
        for entry in answer.get("Failed", ()):
            if outdated is not None and _is_outdated(entry):
                outcomes[int(entry["Id"])] = outdated()
            else:
                outcomes[int(entry["Id"])] = entry_error(
                    entry.get("Code", ""),
                    entry.get("Message", ""),
                    call,
                    self.queue_url,
                    is_our_fault=entry.get("SenderFault", False),
                )
        return outcomes


class SqsWorkQueue:
    """The WorkQueue port on three queues.

    `requests` may be left out by those who put records right and begin nothing.
    """

    def __init__(
        self, *, polls: SqsQueue, dead_letters: SqsQueue, requests: SqsQueue | None = None
    ) -> None:
        self._requests = requests
        self._polls = polls
        self._dead_letters = dead_letters

    def send_poll(self, message: PollMessage, *, delay_s: int, trace: str | None = None) -> None:
        """See `WorkQueue.send_poll`. Threads that send at the same time share a request."""
        delay_s = min(max(delay_s, 0), MAX_DELAY_S)
        self._polls.send_batched(message.dumps(), delay_s=delay_s, trace=trace)

    def send_requests(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        """See `WorkQueue.send_requests`."""
        if self._requests is None:
            raise AssertionError("no requests queue was given: this process sends no requests")
        self._requests.send_all(bodies, trace=trace)

    def send_follow(self, message: FollowMessage, *, delay_s: int) -> None:
        """See `WorkQueue.send_follow`."""
        self._polls.send_batched(message.dumps(), delay_s=min(max(delay_s, 0), MAX_DELAY_S))

    def send_dead_letter(self, body: str, reason: DeadLetterReason) -> None:
        """See `WorkQueue.send_dead_letter`.

        A body that leaves no room for the whole reason keeps the part of it that fits: better a
        dead letter without its reason than none.
        """
        self._dead_letters.send(body, attributes=fitting(body, reason.to_attributes()))

    def jobs_in_flight(self) -> int:
        """See `WorkQueue.jobs_in_flight`."""
        return self._polls.size()


def whole_seconds(seconds: float) -> int:
    """A visibility timeout as SQS takes it: whole seconds, rounded up, 0–43,200."""
    return min(max(math.ceil(seconds), 0), MAX_VISIBILITY_S)


def message_bytes(body: str, attributes: Mapping[str, str]) -> int:
    """What SQS counts: the body and each attribute's name, type and value (Source: SQS quotas)."""
    names_and_values = sum(
        len(name.encode()) + len("String") + len(value.encode())
        for name, value in attributes.items()
    )
    return len(body.encode()) + names_and_values


def fitting(body: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes that fit in one message with this body, shortest first when not all do."""
    kept: dict[str, str] = {}
    for name, value in sorted(attributes.items(), key=lambda pair: len(pair[1])):
        if message_bytes(body, {**kept, name: value}) <= MAX_MESSAGE_BYTES:
            kept[name] = value
    return kept


def string_attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    """Message attributes as SQS and SNS take them. Both refuse empty values: they are left out."""
    return {
        name: {"DataType": "String", "StringValue": value}
        for name, value in attributes.items()
        if value
    }


def _send_entry(index: int, send: _Send) -> Any:
    """One message of a batch. Its trace is the only system attribute that may be sent, and wins over
    the header of the request, which is one for all ten (Source: X-Ray developer guide, Amazon SQS).
    """
    entry: dict[str, Any] = {
        "Id": str(index),
        "MessageBody": send.body,
        "DelaySeconds": send.delay_s,
        "MessageAttributes": string_attributes(send.attributes),
    }
    if send.trace:
        trace = {"DataType": "String", "StringValue": send.trace}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
    return entry


def _is_outdated(entry: Mapping[str, Any]) -> bool:
    code, message = entry.get("Code", ""), entry.get("Message", "")
    if code.endswith(_OUTDATED_CODES):
        return True
    # InvalidParameterValue says only in its text which parameter it means.
    return "InvalidParameterValue" in code and any(one in message for one in _OUTDATED_REASONS)


def _received(message: Any) -> QueueMessage:
    system = message.get("Attributes", {})
    return QueueMessage(
        body=message["Body"],
        receipt_handle=message["ReceiptHandle"],
        message_id=message["MessageId"],
        receive_count=int(system.get("ApproximateReceiveCount", 1)),
        sent_at=datetime.fromtimestamp(int(system.get("SentTimestamp", 0)) / 1000, UTC),
        attributes={
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        },
        trace=system.get("AWSTraceHeader"),
    )
