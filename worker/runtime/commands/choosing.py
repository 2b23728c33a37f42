"""Which dead letters a command means: by requestId or message id, by code, or all of them.

By code or all of them means those that were there when the command started: what fails while it runs
is nothing that a person has looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from worker.adapters.messages import QueueMessage
from worker.runtime.commands.advice import codes
from worker.runtime.commands.letters import Reading
from worker.runtime.commands.output import USAGE, fail, remark
from worker.runtime.commands.wording import count
from worker.runtime.redriving import letter_of

WITHOUT_REASON: Final = "none"
"""The `--code` of dead letters on which no worker wrote a reason."""


@dataclass(slots=True)
class Choice:
    """What was asked for, and what came of it so far."""

    ids: tuple[str, ...] = ()
    code: str | None = None
    until: datetime | None = None
    """When the command started."""
    missing: set[str] = field(default_factory=set)
    """The ids that have not been found so far."""
    newer: set[str] = field(default_factory=set)
    """The message ids of those that were left alone because they came after the start."""

    @property
    def is_by_id(self) -> bool:
        """Whether single dead letters are meant, so that nobody has to be asked."""
        return bool(self.ids)

    def letters(self, reading: Reading) -> Iterator[QueueMessage]:
        """The dead letters that are meant, each once, until every id has been found."""
        for message in reading:
            if self._is_meant(message):
                yield message
            if self.ids and not self.missing:
                return

    def _is_meant(self, message: QueueMessage) -> bool:
        letter = letter_of(message)
        if self.code is not None:
            code = letter.reason.error_code if letter.reason else WITHOUT_REASON
            if code != self.code:
                return False
        if not self.ids:
            came_at = letter.reason.failed_at if letter.reason else message.sent_at
            is_newer = self.until is not None and came_at > self.until
            if is_newer:
                self.newer.add(message.message_id)
            return not is_newer
        names = {message.message_id, letter.request_id or message.message_id}
        self.missing -= names
        return not names.isdisjoint(self.ids)


def choose(
    ids: Sequence[str],
    code: str | None,
    *,
    is_all: bool,
    all_option: str = "",
    until: datetime | None = None,
) -> Choice:
    """The choice that the command line makes.

    Raises typer.Exit with what is wrong, unless exactly one way of choosing is used.
    """
    options = " or ".join(one for one in (all_option, "--code") if one)
    if (bool(ids), code is not None, is_all).count(True) != 1:
        raise fail(f"say which: ids (requestId or message id), {options}", code=USAGE)
    if code is not None and code not in {*codes(), WITHOUT_REASON}:
        known = ", ".join(sorted(codes()))
        raise fail(f"--code {code}: no such code (known: {known}, none)", code=USAGE)
    unique = tuple(dict.fromkeys(ids))
    return Choice(ids=unique, code=code, until=until, missing=set(unique))


def remark_newer(choice: Choice) -> None:
    """Says how many dead letters were left because they came after the command started."""
    if choice.newer:
        remark(
            f"Left: {count(len(choice.newer), 'dead letter')} that came after the start. "
            "Look at them first: hautech-worker dead-letters"
        )
