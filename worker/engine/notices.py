"""Tells people what the circuit found out, as well as it can: a failure is logged, never raised."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock

import structlog

from worker.engine.telling import text_of
from worker.ports.notices import CircuitNotice, NoticeBoard

log = structlog.get_logger(__name__)


BELIEVED_FOR = timedelta(minutes=30)
"""So long after a try was due, a worker that holds requests has made it and told so: if there was a
request to try with, that was back by then. On Lambda they rest for 24 min at most."""


def holds_requests(notice: CircuitNotice | None, *, at: datetime) -> bool:
    """Whether the workers hold requests back, as far as the notice can be believed at that time."""
    if notice is None or notice.reason is None:
        return False
    return at - (notice.next_try_at or notice.told_at) <= BELIEVED_FOR


class Notices:
    """Posts the newest notice on a board; without one, nobody is told. Safe to share between threads.

    The circuit changes in the middle of a job's work, right after a paid call, say. The board is a
    call to a service, and nothing may stand between a paid answer and its record. So a notice is
    noted there, and posted when the message has been dealt with.
    """

    def __init__(self, board: NoticeBoard | None) -> None:
        self._board = board
        self._posting = Lock()
        self._noted: deque[CircuitNotice] = deque(maxlen=1)

    def note(self, notice: CircuitNotice) -> None:
        """The next `post` posts this one. Calls nobody."""
        self._noted.append(notice)

    def post(self) -> None:
        """Post what was noted last, if it was not posted yet."""
        if self._board is None or not self._noted:
            return
        # One at a time, each the newest: a slow one must not overwrite what came later.
        with self._posting:
            if self._noted:
                self._post(self._board, self._noted.pop())

    def read(self) -> CircuitNotice | None:
        """What was told last by any process; None when nothing was, or it cannot be read."""
        if self._board is None:
            return None
        try:
            return self._board.read()
        except Exception as error:  # noqa: BLE001 -- then this process finds out by itself
            log.warning(
                f"what the workers told of the circuit is not known: {text_of(error)}",
                action="notice_not_read",
            )
            return None

    def _post(self, board: NoticeBoard, notice: CircuitNotice) -> None:
        try:
            board.post(notice)
        except Exception as error:  # noqa: BLE001 -- whatever it is, only `doctor` knows less
            log.warning(
                f"doctor may show an old state of the circuit: {text_of(error)}",
                action="notice_not_posted",
            )
