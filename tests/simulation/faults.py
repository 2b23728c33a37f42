"""The faults that a call may meet, by call: what the caller gets, and what takes effect all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.canaries import LINK, TOKEN
from worker.errors import (
    AnswerUnknownError,
    CredentialsRefusedError,
    HautechRefusedError,
    NotThereError,
    OutOfFundsError,
    OutputDamagedError,
    PipelineLostError,
    ThrottledError,
    UnavailableError,
)
from worker.hautech.redaction import redact

SAID = redact(f"500 from {LINK} with Bearer {TOKEN}")
"""What the gateway lets through of an error text that holds secrets."""


class ForeignError(Exception):
    """An error of a library that nobody translated; its text has secrets in it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with one call.

    `effects` says how often the call takes effect before its answer; `late_s` that it takes effect
    so much later, whatever became of the caller; `error` what the caller gets instead of an answer.
    """

    name: str
    effects: int = 1
    late_s: float = 0.0
    error: Callable[[], Exception] | None = None
    slow_s: float = 0.0
    kill: bool = False
    freeze_s: float = 0.0
    clock_off_s: float | None = None
    """The clock of the caller's machine is set during the call, and is wrong by so much afterwards."""


def unavailable() -> Exception:
    """Somebody is down."""
    return UnavailableError(SAID)


def _throttled() -> Exception:
    return ThrottledError(SAID)


def advised() -> Exception:
    """Slow down, and for how long."""
    return ThrottledError(SAID, retry_after_s=7)


def refused() -> Exception:
    """The token, or the role, is refused."""
    return CredentialsRefusedError(SAID)


def _no_upload() -> Exception:
    return NotThereError("s3://shop/lists: there is no such upload")


def _foreign() -> Exception:
    return ForeignError(f"GET {LINK}: Authorization: Bearer {TOKEN}")


KILL_BEFORE = Fault("killed before", effects=0, kill=True)
KILL_AFTER = Fault("killed after", kill=True)
_ANY = (
    Fault("error before", effects=0, error=unavailable),
    Fault("throttled", effects=0, error=_throttled),
    Fault("slow"),
)
_WRITE = (
    Fault("answer lost", error=unavailable),
    Fault("effect late", effects=0, late_s=1.0, error=unavailable),
)
_SEND = (*_ANY, *_WRITE, Fault("twice", effects=2))
_AWS_REFUSED = Fault("credentials refused", effects=0, error=refused)
_BUG = Fault("foreign error", effects=0, error=_foreign)
_READ_HAUTECH = (
    *_ANY,
    Fault("throttled with advice", effects=0, error=advised),
    Fault("credentials refused", effects=0, error=refused),
    _BUG,
)

FAULTS: dict[str, tuple[Fault, ...]] = {
    "store.create": (*_ANY, *_WRITE, _AWS_REFUSED),
    "store.load": (*_ANY, _AWS_REFUSED),
    "store.load_many": (*_ANY, _AWS_REFUSED),
    "store.unchanged_since": (*_ANY,),
    "store.take_lease": (*_ANY, *_WRITE),
    "store.save": (*_ANY, *_WRITE),
    "batches.create": (*_ANY, *_WRITE, _AWS_REFUSED),
    "batches.load": (*_ANY, _AWS_REFUSED),
    "batches.save": (*_ANY, *_WRITE, _BUG),
    "batches.unchanged_since": (*_ANY,),
    "batches.mark_rows": (*_ANY, *_WRITE, Fault("twice", effects=2)),
    "batches.marks": (*_ANY,),
    "batches.cancelled_at": (*_ANY, _AWS_REFUSED, _BUG),
    "queue.send_requests": (*_SEND, Fault("some sent", error=unavailable)),
    "queue.send_follow": (*_SEND, _AWS_REFUSED),
    "queue.send_poll": _SEND,
    "queue.send_dead_letter": _SEND,
    "queue.jobs_in_flight": (*_ANY, _AWS_REFUSED, _BUG),
    "requests.send_batched": _SEND,
    "dead_letters.receive": (*_ANY, *_WRITE[:1]),
    "dead_letters.delete": (*_ANY[:2], *_WRITE[:1]),
    "objects.open": (*_ANY, Fault("cut body"), _BUG),
    "objects.put": (
        *_ANY,
        *_WRITE,
        _AWS_REFUSED,
        Fault("swallowed"),
        Fault("swallowed"),
        Fault("damaged"),
    ),
    "objects.head": (*_ANY, _AWS_REFUSED),
    "objects.begin_upload": (*_ANY, *_WRITE),
    "objects.upload_part": (*_ANY, *_WRITE, Fault("forgotten", effects=0, error=_no_upload)),
    "objects.end_upload": (*_ANY, *_WRITE, Fault("twice, once too often", error=_no_upload)),
    "assets.look": (*_ANY, _AWS_REFUSED),
    "assets.claim": (*_ANY, *_WRITE),
    "assets.publish": (*_ANY, *_WRITE, Fault("twice", effects=2)),
    "assets.release": (*_ANY, *_WRITE),
    "assets.drop": (*_ANY, *_WRITE),
    "topic.publish": _SEND,
    "hautech.upload": (*_READ_HAUTECH, Fault("answer lost", error=unavailable)),
    "hautech.account": (Fault("credentials refused", effects=0, error=refused),),
    "hautech.sign_in": (
        Fault("error before", effects=0, error=unavailable),
        Fault("credentials refused", effects=0, error=refused),
    ),
    "hautech.run": (
        Fault("not sent", effects=0, error=unavailable),
        Fault("throttled", effects=0, error=_throttled),
        Fault("throttled with advice", effects=0, error=advised),
        Fault("credentials refused", effects=0, error=refused),
        Fault("out of funds", effects=0, error=lambda: OutOfFundsError(SAID)),
        Fault("refused", effects=0, error=lambda: HautechRefusedError(SAID)),
        Fault("sent, nothing begun", effects=0, error=lambda: AnswerUnknownError(SAID)),
        Fault("answer lost", error=lambda: AnswerUnknownError(SAID)),
        Fault("answer lost", error=lambda: AnswerUnknownError(SAID)),
        Fault("effect late", effects=0, late_s=1.0, error=lambda: AnswerUnknownError(SAID)),
        Fault("foreign error after", error=_foreign),
        Fault("killed in the air", effects=0, late_s=1.0, kill=True),
        Fault("slow"),
    ),
    "hautech.look": (
        *_READ_HAUTECH,
        Fault("not found", effects=0, error=lambda: PipelineLostError(SAID)),
    ),
    "hautech.read_pipeline": _READ_HAUTECH,
    "hautech.runs_since": _READ_HAUTECH,
    "hautech.download": (
        *_READ_HAUTECH,
        Fault("cut", effects=0, error=lambda: OutputDamagedError(SAID)),
    ),
    "receive": (*_ANY[:2], Fault("answer lost"), Fault("delivered twice"), Fault("few")),
    "delete": (*_ANY[:2], *_WRITE[:1], Fault("forgotten")),
    "change_visibility": (*_ANY[:2], *_WRITE[:1], Fault("shown early"), Fault("shown early")),
    "extend": (*_ANY[:2], *_WRITE[:1]),
}
"""By call; a call has each of its faults equally often. Kills and freezes come on top."""
