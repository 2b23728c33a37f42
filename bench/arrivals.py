"""Receives the events of a load, and knows when each of them came."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from worker.contracts.envelopes import unwrap

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_WAIT_S = 1
_LOOK_EVERY_S = 0.25


class ArrivalError(Exception):
    """Events that should have come did not, or said that a job failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One event.

    Attributes:
        request_id: whose; of a batch, its batchId.
        status: `succeeded` or `failed`; of a batch also `partial` or `cancelled`.
        at: when it reached the queue, by the queue's clock (aware UTC).
        pipeline_ids: of all steps of the job; none of a batch.
        error: what went wrong, None if nothing did.
    """

    request_id: str
    status: str
    at: datetime
    pipeline_ids: tuple[str, ...]
    error: str | None = None

    @classmethod
    def of(cls, message: Any) -> Self:
        """From a message of a queue that is subscribed to the result topic."""
        event = unwrap(message["Body"])
        data = event["data"]
        error = data["error"]
        return cls(
            request_id=event["subject"],
            status=data["status"],
            at=datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC),
            pipeline_ids=tuple(one["pipelineId"] for one in data.get("pipelines", ())),
            error=f"{error['code']}: {error['message']}" if error else None,
        )


class Arrivals:
    """Empties the events queue in a thread of its own while the `with` block lasts."""

    def __init__(self, sqs: SQSClient, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._changed = threading.Condition()
        self._by_request: dict[str, Arrival] = {}
        self._announced: Counter[str] = Counter()
        self._trouble: Exception | None = None
        self._is_ended = False
        self._thread = threading.Thread(target=self._run, name="arrivals", daemon=True)

    def __enter__(self) -> Self:
        """Begins to receive."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ends the receiving."""
        self._is_ended = True
        self._thread.join(3 * _WAIT_S)

    def wait_for(
        self, request_ids: Collection[str], *, deadline_s: float, check: Callable[[], None]
    ) -> dict[str, Arrival]:
        """The events of these requests, by request id, once all are there.

        Args:
            request_ids: whose events.
            deadline_s: how long they may take.
            check: called again and again meanwhile; it raises when waiting has become useless.

        Raises:
            ArrivalError: some did not come in time, or a job failed.
        """
        until_s = time.monotonic() + deadline_s
        missing = set(request_ids)
        while missing:
            check()
            with self._changed:
                if self._trouble is not None:
                    raise ArrivalError(f"the events queue: {self._trouble}") from self._trouble
                missing -= self._by_request.keys()
                if not missing:
                    break
                self._changed.wait(_LOOK_EVERY_S)
            if time.monotonic() > until_s:
                raise ArrivalError(
                    f"no event for {len(missing)} of {len(request_ids)} jobs within "
                    f"{deadline_s:.0f} s, {min(missing)} among them"
                )
        found = {request_id: self._by_request[request_id] for request_id in request_ids}
        for one in found.values():
            if one.status != "succeeded":
                raise ArrivalError(f"job {one.request_id} {one.status}: {one.error}")
        return found

    def announced(self) -> Counter[str]:
        """How many events came so far, by request or batch id."""
        with self._changed:
            return Counter(self._announced)

    def _run(self) -> None:
        try:
            while not self._is_ended:
                self._receive()
        except Exception as error:  # noqa: BLE001 - told to the thread that waits
            with self._changed:
                self._trouble = error
                self._changed.notify_all()

    def _receive(self) -> None:
        messages = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_WAIT_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        if not messages:
            return
        arrivals = [Arrival.of(message) for message in messages]
        with self._changed:
            for arrival in arrivals:
                # An event may come twice; the first one is when the job was announced.
                self._by_request.setdefault(arrival.request_id, arrival)
                self._announced[arrival.request_id] += 1
            self._changed.notify_all()
        self._sqs.delete_message_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages)
            ],
        )
