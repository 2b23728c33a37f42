"""One worker as its process would be: wired by `bootstrap`, with a loop that takes turns."""

from __future__ import annotations

import dataclasses
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal
from unittest.mock import patch

from tests.faults.moments import Moments
from tests.faults.world import WorkerClock, WorldTime
from worker.adapters.aws.clients import AwsClients
from worker.adapters.messages import QueueMessage
from worker.adapters.server_clock import ServerClock
from worker.bootstrap import Application
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.poll import PollMessage
from worker.errors import WorkerError
from worker.hautech.auth import SelfSignedToken
from worker.hautech.client import HautechClient
from worker.hautech.config import ClientConfig
from worker.jobs.outcomes import Outcome
from worker.ports.photos import (
    DevelopedPhoto,
    PhotoLab,
    PhotoLimits,
    ReducedPicture,
    Reduction,
)
from worker.ports.queues import ReceivedMessage, WorkQueue
from worker.runtime.queue_verbs import ChangeVisibility, Delete, verb_for
from worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.contracts.follow import FollowMessage

VISIBILITY_S: Final = 60
READ_TIMEOUT_S: Final = 1.0
"""Of every call, instead of the longer ones that ship: a silent other side is waited for."""

TRANSFER_TIMEOUT_S: Final = 1.5
PAID_CALL_S: Final = 4.0

QueueName = Literal["requests", "polls"]


class _Unlimited:
    def remaining_s(self) -> float:
        return math.inf


@dataclasses.dataclass(slots=True)
class Notes:
    """What the loop saw go wrong, beside what the engine answered."""

    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    failed_receives: int = 0
    failed_answers: int = 0


class WorkerProcess:
    """A worker; when it is killed, another one takes its place and knows nothing.

    Args:
        settings: as read from its environment.
        make_clients: makes its AWS clients, which tell the given clock AWS's time.
        moments: told about every exchange.
        world: skipped when a message is to rest.
        clock: this machine's own.
        notes: what goes wrong is written here.
        let_rest_end: called when a message rests, to make it visible; None leaves it hidden.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        make_clients: Callable[[ServerClock], AwsClients],
        moments: Moments,
        world: WorldTime,
        clock: WorkerClock,
        notes: Notes,
        let_rest_end: Callable[[float], None] | None,
    ) -> None:
        self._moments = moments
        self._notes = notes
        self._let_rest_end = let_rest_end
        self._app = app = Application(settings)
        app.clock = ServerClock(clock)
        parts: dict[str, Any] = vars(app)  # where cached_property looks first
        parts["clients"] = make_clients(app.clock)
        parts["rules"] = dataclasses.replace(app.rules, paid_call_s=PAID_CALL_S)
        parts["hautech"] = HautechClient(
            _client_config(settings), app.tokens, observer=moments.observe
        )
        self._sends = app.work_queue
        parts["work_queue"] = _WatchedSends(self._sends, moments, world)
        parts["photo_lab"] = _WatchedLab(app.photo_lab, moments)
        self._signer = _signer(moments)

    def turn(self) -> bool:
        """Receives one message and deals with it. False when there is none."""
        with patch("worker.groundwork.SelfSignedToken", self._signer):
            return self._turn("requests") or self._turn("polls")

    def end(self) -> None:
        """Gives back what the process would give back by ending."""
        with suppress(WorkerError):
            self._app.request_queue.close()
            self._app.poll_queue.close()
        self._app.close()

    def _turn(self, name: QueueName) -> bool:
        queue = self._app.request_queue if name == "requests" else self._app.poll_queue
        try:
            received = self._moments.around(
                f"sqs.receive {name}",
                lambda: queue.receive(max_messages=1, wait_s=0, visibility_s=VISIBILITY_S),
            )
        except WorkerError:
            self._notes.failed_receives += 1
            return False
        for message in received:
            self._handle(name, message)
        return bool(received)

    def _handle(self, name: QueueName, message: QueueMessage) -> None:
        engine = self._app.engine
        handle = engine.handle_request if name == "requests" else engine.handle_poll
        outcome = handle(
            ReceivedMessage(body=message.body, receive_count=message.receive_count), _Unlimited()
        )
        self._notes.outcomes.append(outcome)
        verb = verb_for(outcome, held_s=0)
        queue = self._app.request_queue if name == "requests" else self._app.poll_queue
        receipt = message.receipt_handle
        try:
            if isinstance(verb, Delete):
                self._moments.around(f"sqs.delete {name}", lambda: queue.delete(receipt))
            else:
                seconds = verb.seconds
                self._moments.around(
                    f"sqs.visibility {name}", lambda: queue.change_visibility(receipt, seconds)
                )
        except WorkerError:
            self._notes.failed_answers += 1
        else:
            if isinstance(verb, ChangeVisibility) and self._let_rest_end is not None:
                self._let_rest_end(verb.seconds)


class _WatchedSends:
    """The WorkQueue port with its moments; poll messages come at once, and the time is skipped."""

    def __init__(self, queue: WorkQueue, moments: Moments, world: WorldTime) -> None:
        self._queue = queue
        self._moments = moments
        self._world = world

    def send_poll(self, message: PollMessage, *, delay_s: int, trace: str | None = None) -> None:
        self._moments.around(
            "sqs.send polls", lambda: self._queue.send_poll(message, delay_s=0, trace=trace)
        )
        self._world.skip(delay_s)

    def send_requests(self, bodies: Sequence[str], *, trace: str | None = None) -> None:
        self._moments.around(
            "sqs.send requests", lambda: self._queue.send_requests(bodies, trace=trace)
        )

    def send_follow(self, message: FollowMessage, *, delay_s: int) -> None:
        self._moments.around("sqs.send polls", lambda: self._queue.send_follow(message, delay_s=0))
        self._world.skip(delay_s)

    def send_dead_letter(self, body: str, reason: DeadLetterReason) -> None:
        self._moments.around(
            "sqs.send dead letters", lambda: self._queue.send_dead_letter(body, reason)
        )

    def jobs_in_flight(self) -> int:
        """See `WorkQueue.jobs_in_flight`: asked for pacing only, so it is no row of the matrix."""
        return self._queue.jobs_in_flight()


class _WatchedLab:
    """The PhotoLab port with its moments."""

    def __init__(self, lab: PhotoLab, moments: Moments) -> None:
        self._lab = lab
        self._moments = moments
        self.turn = lab.turn

    def develop(
        self, source: BinaryIO, content_type: str, limits: PhotoLimits, sink: BinaryIO
    ) -> DevelopedPhoto | None:
        return self._moments.around(
            "lab.develop", lambda: self._lab.develop(source, content_type, limits, sink)
        )

    def reduce(self, source: BinaryIO, content_type: str, wanted: Reduction) -> ReducedPicture:
        return self._moments.around(
            "lab.reduce", lambda: self._lab.reduce(source, content_type, wanted)
        )


def _signer(moments: Moments) -> type[SelfSignedToken]:
    """Self-signed tokens, with the moments of being asked for one."""

    class Signer(SelfSignedToken):
        def token(self) -> str:
            return moments.around("hautech.token", super().token)

    return Signer


def _client_config(settings: Settings) -> ClientConfig:
    return ClientConfig(
        api_url=settings.hautech_api_url,
        connect_timeout_s=READ_TIMEOUT_S,
        read_timeout_s=READ_TIMEOUT_S,
        transfer_timeout_s=TRANSFER_TIMEOUT_S,
        run_deadline_s=PAID_CALL_S,
    )
