"""Follows jobs: reads the store as little as possible until all of them are over.

A job is read again only while it is open. Without ids, the short lists of open jobs are read,
and only jobs that changed since are read in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from worker.jobs.job import Job, JobState
from worker.ports.jobs import JobStore
from worker.runtime.commands.jobs import newest
from worker.runtime.commands.progress import Progress, progress_of
from worker.runtime.commands.refusals import Refusal, Refusals

OPEN_STATES: Final = tuple(state for state in JobState if not state.is_final)
MAX_OPEN: Final = 50
"""Open jobs that are followed at once when none are named; the latest count."""

Check = Callable[[Job], str | None]
"""Says why a record is not the job that was asked for (another request took the id), or None."""


@dataclass(frozen=True, slots=True)
class Line:
    """One job in a frame."""

    request_id: str
    job: Job | None
    progress: Progress
    refusal: Refusal | None = None
    """Set if the request was refused before it became a job."""


@dataclass(slots=True)
class Following:
    """The jobs that are followed, and what was last read of each.

    Args:
        store: Where the records are.
        ids: The jobs, in the order in which they are shown; empty follows all that are open.
        checks: By id, whether the record belongs to the request that was sent.
        refusals: Looks for requests that never became jobs.
    """

    store: JobStore
    ids: Sequence[str] = ()
    checks: dict[str, Check] = field(default_factory=dict)
    refusals: Refusals | None = None
    _refused: dict[str, Refusal] = field(default_factory=dict)
    _known: dict[str, Job] = field(default_factory=dict)
    _shown: list[str] = field(default_factory=list)

    def refresh(self) -> None:
        """Reads what may have changed."""
        if self.ids:
            self._shown = list(dict.fromkeys(self.ids))
            self._read(self._open(self._shown))
            if self.refusals:
                missing = [one for one in self._open(self._shown) if one not in self._known]
                self._refused.update(self.refusals.find(missing))
            return
        listed = newest(self.store, OPEN_STATES, limit=MAX_OPEN)
        changed = [
            line.request_id
            for line in listed
            if line.request_id not in self._known
            or self._known[line.request_id].updated_at < line.updated_at
        ]
        present = {line.request_id for line in listed}
        # Whoever is not in the lists any more has ended, most likely: one last look.
        gone = [known for known in self._open(self._shown) if known not in present]
        self._read([*changed, *gone])
        self._shown += [one for one in reversed(changed) if one not in self._shown]

    def lines(self, *, now: datetime) -> list[Line]:
        """The jobs as last read."""
        return [self._line(request_id, now) for request_id in self._shown]

    def hint(self) -> str:
        """What the user may do about a job that has no record, or ""."""
        return self.refusals.hint if self.refusals else ""

    def is_over(self) -> bool:
        """Whether all named jobs have ended. Never true without names: more may come."""
        return bool(self.ids) and all(self._is_closed(one) for one in self.ids)

    def _line(self, request_id: str, now: datetime) -> Line:
        job = self._known.get(request_id)
        check = self.checks.get(request_id)
        objection = check(job) if job and check else None
        if objection:
            return Line(request_id, job, Progress(1, 1, objection, "failed"))
        refusal = self._refused.get(request_id)
        if refusal:
            return Line(request_id, None, Progress(1, 1, str(refusal), "failed"), refusal)
        return Line(request_id, job, progress_of(job, now=now))

    def _is_closed(self, request_id: str) -> bool:
        job = self._known.get(request_id)
        if job is None:
            return request_id in self._refused
        check = self.checks.get(request_id)
        return job.state.is_final or bool(check and check(job))

    def _open(self, ids: Iterable[str]) -> list[str]:
        return [one for one in ids if not self._is_closed(one)]

    def _read(self, ids: Iterable[str]) -> None:
        for request_id in ids:
            job = self.store.load(request_id)
            if job is not None:
                self._known[request_id] = job
