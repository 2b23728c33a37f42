"""Sends every request one to five times at random moments, and copies poll messages as SQS may."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from random import Random

from sandbox.local import LocalStack
from tests.chaos.orders import MOST_COPIES, Order

_SPREAD_SHARE = 0.3
"""Copies of a request follow the first one within this share of the whole time."""

_AT_ONCE = 0.4
"""So many of the copies come together with the first one, when nobody can have finished it."""


class Producer:
    """Sends what is due; the run tells it the time.

    Args:
        stack: where to.
        orders: what.
        random: its dice.
        within_s: over how many seconds the orders are spread, the last copies included.
    """

    def __init__(
        self, stack: LocalStack, orders: Sequence[Order], random: Random, *, within_s: float
    ) -> None:
        self._stack = stack
        schedule: list[tuple[float, str]] = []
        for number, order in enumerate(orders):
            first_s = within_s * (1 - _SPREAD_SHARE) * number / max(1, len(orders))
            schedule.append((first_s, order.body))
            for _ in range(order.copies - 1):
                later_s = random.uniform(0, within_s * _SPREAD_SHARE)
                schedule.append(
                    (first_s if random.random() < _AT_ONCE else first_s + later_s, order.body)
                )
        self._due = deque(sorted(schedule))
        self.sent = 0

    @property
    def is_done(self) -> bool:
        """Whether all has been sent."""
        return not self._due

    def act(self, now_s: float) -> None:
        """Sends what is due `now_s` seconds after the beginning."""
        while self._due and self._due[0][0] <= now_s:
            self._stack.submit(self._due.popleft()[1])
            self.sent += 1


class PollCopies:
    """Delivers poll messages more than once, as SQS may: it looks at some and sends the same again.

    A poll message that is due can be seen by several at a time when it is received with a
    visibility timeout of 0. Each is copied so often that it exists five times at most.
    """

    def __init__(self, stack: LocalStack, random: Random) -> None:
        self._stack = stack
        self._random = random
        self._next_s = 0.0
        self._copies: Counter[str] = Counter()

    @property
    def sent(self) -> int:
        """How many copies were made."""
        return self._copies.total()

    def act(self, now_s: float) -> None:
        """Looks at the polls queue if it is time to."""
        if now_s < self._next_s:
            return
        self._next_s = now_s + self._random.uniform(0.2, 1.0)
        sqs, url = self._stack.aws.client("sqs"), self._stack.outputs.poll_queue_url
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=5, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        for message in answer.get("Messages", []):
            body = message["Body"]
            room = MOST_COPIES - 1 - self._copies[body]
            for _ in range(self._random.randint(0, room) if room > 0 else 0):
                self._copies[body] += 1
                sqs.send_message(
                    QueueUrl=url, MessageBody=body, DelaySeconds=self._random.randint(0, 3)
                )
