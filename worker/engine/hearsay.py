"""What this process only heard about Hautech from others, and whether they still say so.

For processes that live shortly and make some kinds of calls only. On Lambda the function for requests
never looks at a pipeline: if looks met the trouble, no call of its own can prove that over, and it would
hold requests long after the others had found out.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from worker.engine.circuit import Circuit
from worker.engine.notices import Notices, holds_requests
from worker.ports.clock import Clock

ASK_EVERY_S: Final = 15.0
"""The board is asked again at most so often: held requests come back by the thousand."""

_WAIT_S: Final = 2.0
"""So long a message waits for what another thread is being told. That one may have been frozen."""


class Hearsay:
    """Keeps a circuit at what the board says, as long as it met no trouble itself. Never raises.

    Safe to share between threads.
    """

    def __init__(self, notices: Notices, *, circuit: Circuit, clock: Clock) -> None:
        self._notices = notices
        self._circuit = circuit
        self._clock = clock
        self._asking = Lock()
        self._asked_at: datetime | None = None

    def begin(self) -> None:
        """Take over that requests are held, if the board says so and can be believed."""
        self._asked_at = now = self._clock.now()
        notice = self._notices.read()
        if notice is not None and holds_requests(notice, at=now):
            self._circuit.resume(notice)

    def ask_again(self) -> None:
        """Take over that it is over, if that was heard since. To be called before each message."""
        if not self._circuit.is_hearsay or not self._asking.acquire(timeout=_WAIT_S):
            return
        try:
            now = self._clock.now()
            if self._asked_at and now - self._asked_at < timedelta(seconds=ASK_EVERY_S):
                return
            self._asked_at = now
            notice = self._notices.read()
            if notice is not None and not holds_requests(notice, at=now):
                self._circuit.forget_hearsay()
        finally:
            self._asking.release()
