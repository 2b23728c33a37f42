"""Reads the dead-letter queue so that nothing stays hidden: each letter once, shown again at the end.

A message is received to be read, which hides it from others for a while. What has been read is shown
again when the reading ends, unless it was deleted; a process that is killed meanwhile hides what it
had read for `HIDDEN_S` at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Final, Self

from worker.adapters.messages import MAX_RECEIVED, QueueMessage
from worker.errors import WorkerError
from worker.runtime.commands.output import remark
from worker.runtime.commands.services import DeadLetterQueue
from worker.runtime.commands.wording import count

HIDDEN_S: Final = 30
"""How long a message stays hidden if this process is killed while it looks."""
_WAIT_S: Final = 1
"""A long poll asks every server of the queue (Source: SQS guide, short and long polling)."""
_STALE_MOST: Final = 5
"""Receives in a row that bring nothing new: in a long queue the first letters are visible again
before the last ones were read, and come once more."""


@dataclass(frozen=True, slots=True)
class _Hidden:
    receipt_handle: str
    until_s: float
    """By the monotonic clock."""


class Reading:
    """Iterates over the dead letters, each once. Use it as a context.

    Args:
        queue: The dead-letter queue.
        most: At most so many letters are received.
        monotonic: Clock, seconds.
    """

    def __init__(
        self,
        queue: DeadLetterQueue,
        *,
        most: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._most = most
        self._monotonic = monotonic
        self._seen: set[str] = set()
        self._hidden: dict[str, _Hidden] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        now_s = self._monotonic()
        still = [one.receipt_handle for one in self._hidden.values() if one.until_s > now_s]
        _show_again(self._queue, still)

    def __iter__(self) -> Iterator[QueueMessage]:
        stale = 0
        while room := self._room():
            if stale == _STALE_MOST:
                remark(
                    f"There may be more dead letters: the first ones came again after {HIDDEN_S} s, "
                    "before the last ones were read. Run it again."
                )
                return
            messages = self._queue.receive(max_messages=room, wait_s=_WAIT_S, visibility_s=HIDDEN_S)
            if not messages:
                return
            until_s = self._monotonic() + HIDDEN_S
            for message in messages:
                self._hidden[message.message_id] = _Hidden(message.receipt_handle, until_s)
            news = [message for message in messages if message.message_id not in self._seen]
            self._seen.update(message.message_id for message in news)
            stale = 0 if news else stale + 1
            yield from news

    def forget(self, message: QueueMessage) -> None:
        """The message was deleted: there is nothing to show again."""
        self._hidden.pop(message.message_id, None)

    def _room(self) -> int:
        if self._most is None:
            return MAX_RECEIVED
        return min(MAX_RECEIVED, self._most - len(self._seen))


def look(queue: DeadLetterQueue, *, limit: int) -> list[QueueMessage]:
    """Up to `limit` dead letters, newest first, all of them visible again afterwards."""
    with Reading(queue, most=limit) as reading:
        found = list(islice(reading, limit))
    return sorted(found, key=lambda message: message.sent_at, reverse=True)


def _show_again(queue: DeadLetterQueue, receipt_handles: Sequence[str]) -> None:
    def show(receipt_handle: str) -> bool:
        try:
            # False: somebody else holds it by now, so it is not ours to show.
            queue.change_visibility(receipt_handle, 0)
        except WorkerError:
            return False
        return True

    # The queue sends what threads hand in at the same time in one call.
    with ThreadPoolExecutor(MAX_RECEIVED) as pool:
        failed = sum(not shown for shown in pool.map(show, receipt_handles))
    if failed:
        remark(f"{count(failed, 'dead letter')} will be hidden for {HIDDEN_S} s more.")
