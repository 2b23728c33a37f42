"""Remembers every request and counts them: the proof of what was called, and how often."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sandbox.hautech.clock import rfc3339

_REMEMBERED = 50_000


@dataclass(slots=True)
class Entry:
    """One request. Query strings are left out: they carry signatures.

    Attributes:
        number: counts from 1.
        listener: `api` or `media`.
        route: name of the route, None if there is none.
        status: of the answer; None while it is under way, or if the connection was dropped.
        fault: kind of the fault that was played, None if there was none.
    """

    number: int
    at: datetime
    listener: str
    method: str
    path: str
    route: str | None
    status: int | None = None
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry as a JSON document."""
        return {
            "number": self.number,
            "at": rfc3339(self.at),
            "listener": self.listener,
            "method": self.method,
            "path": self.path,
            "route": self.route,
            "status": self.status,
            "fault": self.fault,
        }


class RequestLog:
    """The newest requests and the counts of all of them."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_REMEMBERED)
        self._calls: Counter[str] = Counter()
        self._statuses: Counter[tuple[str, str]] = Counter()
        self._faults: Counter[tuple[str, str]] = Counter()
        self._count = 0

    def begin(
        self, *, at: datetime, listener: str, method: str, path: str, route: str | None
    ) -> Entry:
        """Notes a request that has arrived."""
        self._count += 1
        entry = Entry(self._count, at, listener, method, path, route)
        self._entries.append(entry)
        self._calls[route or "unknown"] += 1
        return entry

    def end(self, entry: Entry, *, status: int | None, fault: str | None) -> None:
        """Notes how it was answered; None as status: not at all."""
        entry.status, entry.fault = status, fault
        route = entry.route or "unknown"
        self._statuses[route, "dropped" if status is None else str(status)] += 1
        if fault is not None:
            self._faults[route, fault] += 1

    def page(self, *, after: int, limit: int) -> list[Entry]:
        """Up to `limit` entries with a number above `after`, oldest first."""
        return list(islice((entry for entry in self._entries if entry.number > after), limit))

    def counters(self) -> dict[str, Any]:
        """Per route: `total`, `byStatus` and `byFault`; and the sum of all requests."""
        routes: dict[str, Any] = {
            route: {"total": total, "byStatus": {}, "byFault": {}}
            for route, total in sorted(self._calls.items())
        }
        for (route, status), count in self._statuses.items():
            routes[route]["byStatus"][status] = count
        for (route, fault), count in self._faults.items():
            routes[route]["byFault"][fault] = count
        return {"requests": self._count, "routes": routes}
