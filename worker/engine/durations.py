"""How long pipelines of each workflow take, as this process knows it.

It only decides when to look, so losing it costs a few polls and never a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock

from worker.jobs.durations import REMEMBERED, Expectation, Seen, is_plausible, joined, slowest


class Durations:
    """The last 64 durations of each workflow; safe to share between threads.

    News are those that came in here and that no other process was told.
    """

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}
        self._expected: dict[str, Expectation] = {}
        self._news_s: dict[str, tuple[float, ...]] = {}
        self._was_asked_in_vain = False
        self._lock = Lock()

    def observe(self, workflow_id: str, duration_s: float, *, at: datetime) -> None:
        """One pipeline of that workflow took so many seconds, by Hautech's own clock. What no
        pipeline can have taken is ignored.
        """
        if not is_plausible(duration_s):
            return
        with self._lock:
            self._know(workflow_id, joined(self._seen.get(workflow_id), [duration_s], at=at))
            news_s = self._news_s.get(workflow_id, ())
            self._news_s[workflow_id] = (*news_s, duration_s)[-REMEMBERED:]

    def expected(self, workflow_ids: Iterable[str]) -> Expectation | None:
        """When the slowest of these pipelines is likely to end; None if none was seen."""
        ids = set(workflow_ids)
        with self._lock:
            known = [self._expected[one] for one in ids if one in self._expected]
            self._was_asked_in_vain |= len(known) < len(ids)
        return slowest(known)

    def was_asked_in_vain(self) -> bool:
        """Whether somebody asked for a workflow of which nothing was known, since `learn`."""
        return self._was_asked_in_vain

    def learn(self, seen: Mapping[str, Seen]) -> None:
        """What all processes have seen. Workflows that are not in it stay as they are known here."""
        with self._lock:
            for workflow_id, one in seen.items():
                news_s = self._news_s.get(workflow_id, ())
                self._know(workflow_id, joined(one, news_s, at=one.last_at))
            self._was_asked_in_vain = False

    def news_of(self) -> frozenset[str]:
        """The workflows of which there are news."""
        return frozenset(self._news_s)

    def take_news(self) -> dict[str, tuple[float, ...]]:
        """The news by workflow id, to be told or put back: they are none any more."""
        with self._lock:
            news_s, self._news_s = self._news_s, {}
        return news_s

    def put_back(self, news_s: Mapping[str, tuple[float, ...]]) -> None:
        """They could not be told."""
        with self._lock:
            for workflow_id, older_s in news_s.items():
                newer_s = self._news_s.get(workflow_id, ())
                self._news_s[workflow_id] = (*older_s, *newer_s)[-REMEMBERED:]

    def seen_of(self, workflow_id: str) -> Seen:
        """All that is known of a workflow that was observed or learned of; else a KeyError."""
        return self._seen[workflow_id]

    def _know(self, workflow_id: str, seen: Seen) -> None:
        self._seen[workflow_id] = seen
        self._expected[workflow_id] = seen.expectation()
