"""Shares what is learned about durations among all processes: one that is new, or that never sees a
pipeline end, knows as much as the others.

    before a message   read what all have seen: every five minutes, each minute while it does not suffice
    a pipeline ends    noted in memory
    after a message    fold it in: at most once a minute, and only what says something new

So no job costs a call of its own, and none is made between a paid call and its record. Trouble with
the board is logged and forgotten; then each process learns by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

import structlog

from worker.engine.durations import Durations
from worker.engine.telling import text_of
from worker.jobs.durations import Expectation, Seen, joined
from worker.ports.durations import DurationBoard, DurationSheet

log = structlog.get_logger(__name__)

READ_EVERY: Final = timedelta(minutes=5)
READ_AGAIN: Final = timedelta(minutes=1)
"""The same while there are workflows of which nothing is known."""

FOLD_EVERY: Final = timedelta(minutes=1)

SAID_ANEW: Final = timedelta(hours=1)
"""What is as expected is folded in so often, lest it be forgotten for being old."""

_NOTABLE_S: Final = 1.0
_NOTABLE_SHARE: Final = 0.1
"""Polls come at whole seconds, and 15 % of a pipeline's age apart: less makes no difference."""


class SharedDurations:
    """Keeps `Durations` and the board in step; safe to call from several threads. Never raises.

    Args:
        durations: What this process knows.
        board: What all processes know; None to share nothing.
    """

    def __init__(self, durations: Durations, board: DurationBoard | None) -> None:
        self._durations = durations
        self._board = board
        self._told: dict[str, Seen] = {}
        self._read_at: datetime | None = None
        self._folded_at: datetime | None = None
        self._calling = Lock()

    def refresh(self, *, at: datetime) -> None:
        """Learn from the others, if the last time is long ago. Nobody waits for another thread."""
        every = READ_AGAIN if self._durations.was_asked_in_vain() else READ_EVERY
        if _is_due(self._read_at, every, at):
            self._one_at_a_time(lambda board: self._read(board, at))

    def share(self, *, at: datetime) -> None:
        """Tell the others, if there is something to tell and the last time is long enough ago."""
        if _is_due(self._folded_at, FOLD_EVERY, at) and self._has_something_to_tell(at):
            self._one_at_a_time(lambda board: self._fold(board, at))

    def _one_at_a_time(self, call: Callable[[DurationBoard], object]) -> None:
        if self._board is None or not self._calling.acquire(blocking=False):
            return
        try:
            call(self._board)
        finally:
            self._calling.release()

    def _read(self, board: DurationBoard, at: datetime) -> DurationSheet | None:
        self._read_at = at
        try:
            sheet = board.read()
        except Exception as error:  # noqa: BLE001 -- a few polls more, and no job stops for it
            log.warning(
                f"how long pipelines take is learned anew here: {text_of(error)}",
                action="durations_not_read",
            )
            return None
        if sheet.problem is not None:
            log.warning(
                f"ignored, and replaced when a pipeline ends: {sheet.problem}",
                action="durations_unreadable",
            )
        # A time to come would never be long ago.
        seen = {
            workflow_id: replace(one, last_at=min(one.last_at, at))
            for workflow_id, one in sheet.seen.items()
            if one.is_kept(at)
        }
        self._told = dict(seen)
        self._durations.learn(seen)
        return replace(sheet, seen=seen)

    def _has_something_to_tell(self, at: datetime) -> bool:
        return any(self._is_new(workflow_id, at) for workflow_id in self._durations.news_of())

    def _is_new(self, workflow_id: str, at: datetime) -> bool:
        told = self._told.get(workflow_id)
        if told is None or at - told.last_at >= SAID_ANEW:
            return True
        known = self._durations.seen_of(workflow_id)
        return _differ(told.expectation(), known.expectation())

    def _fold(self, board: DurationBoard, at: datetime) -> None:
        """Reads, adds the news and writes; if somebody else wrote meanwhile, again in a minute."""
        self._folded_at = at
        sheet = self._read(board, at)
        if sheet is None:
            return
        news_s = self._durations.take_news()
        is_told = False
        try:
            seen = self._with(sheet.seen, news_s, at)
            is_told = board.replace(sheet, seen, at=at)
        except Exception as error:  # noqa: BLE001 -- as above
            log.warning(
                f"the other processes are not told how long pipelines take: {text_of(error)}",
                action="durations_not_shared",
            )
        else:
            if is_told:
                self._told = seen
        finally:
            if not is_told:
                self._durations.put_back(news_s)

    def _with(
        self, told: Mapping[str, Seen], news_s: Mapping[str, tuple[float, ...]], at: datetime
    ) -> dict[str, Seen]:
        def one(workflow_id: str) -> Seen:
            before = told.get(workflow_id)
            if before is None:  # nobody knows it, or it was lost: all that is known here
                return self._durations.seen_of(workflow_id)
            return joined(before, news_s[workflow_id], at=at)

        return {**told, **{workflow_id: one(workflow_id) for workflow_id in news_s}}


def _is_due(last: datetime | None, every: timedelta, at: datetime) -> bool:
    # Also after a clock that was ahead was set back.
    return last is None or abs(at - last) >= every


def _differ(told: Expectation, known: Expectation) -> bool:
    pairs = ((told.usual_s, known.usual_s), (told.quick_s, known.quick_s))
    return any(
        abs(one_s - other_s) > max(_NOTABLE_S, _NOTABLE_SHARE * one_s) for one_s, other_s in pairs
    )
