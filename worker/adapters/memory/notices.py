"""The notice board in memory."""

from __future__ import annotations

from worker.adapters.notice_text import notice_from_text, notice_to_text
from worker.ports.notices import CircuitNotice


class MemoryNoticeBoard:
    """The NoticeBoard port in memory. `posts` counts all of them."""

    def __init__(self) -> None:
        self._text: str | None = None
        self.posts = 0

    def post(self, notice: CircuitNotice) -> None:
        """See `NoticeBoard.post`."""
        self._text = notice_to_text(notice)
        self.posts += 1

    def read(self) -> CircuitNotice | None:
        """See `NoticeBoard.read`. Nothing is forgotten here."""
        return None if self._text is None else notice_from_text(self._text)
