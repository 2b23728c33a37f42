"""Tells people what the circuit found out, as well as it can: a failure is logged, never raised."""

from __future__ import annotations

import structlog

from worker.engine.trouble import text_of
from worker.ports import CircuitNotice, NoticeBoard

log = structlog.get_logger(__name__)


class Notices:
    """Posts notices on a board; without one, nobody is told."""

    def __init__(self, board: NoticeBoard | None) -> None:
        self._board = board

    def post(self, notice: CircuitNotice) -> None:
        """Post a notice. What goes wrong is no matter of the job whose call changed the circuit."""
        if self._board is None:
            return
        try:
            self._board.post(notice)
        except Exception as error:  # noqa: BLE001 -- whatever it is, only `doctor` knows less
            log.warning(
                f"doctor may show an old state of the circuit: {text_of(error)}",
                action="notice_not_posted",
            )
