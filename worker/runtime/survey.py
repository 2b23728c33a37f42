"""How the whole service stands: the figures that no worker counts, asked for when reconcile has run.

Each is asked for by itself, and one that nobody can tell is left out: an alarm on the age of the
oldest pipeline must not go off, or blind, because the balance cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Final

import structlog

from worker.bootstrap import Application
from worker.engine.notices import holds_requests
from worker.engine.reconcile import ReconcileReport
from worker.engine.trouble import text_of
from worker.engine.world import RecordWorld
from worker.jobs.document import JobDocumentError
from worker.jobs.job import JobState
from worker.ports import NoticeBoard, WorkBudget
from worker.runtime import metric_names as names
from worker.runtime.emf import Figure

_log = structlog.get_logger(__name__)

_OLDEST: Final = 20
"""Running jobs whose records are read for the oldest pipeline: those that changed longest ago. A
pipeline that is stuck writes nothing, so it gets among them soon after it was woken."""

_BALANCE_S: Final = 20.0
"""Time that must be left to ask Hautech for the balance."""


def survey_of(application: Application) -> Survey:
    """The survey of a worker with these parts. Signs in at Hautech when it is first asked."""

    def balance() -> Decimal:
        return application.hautech.get_balance()

    can_sign_in = application.settings.hautech_credentials is not None
    return Survey(application.record_world, application.board, balance if can_sign_in else None)


class Survey:
    """Asks how things stand.

    Args:
        world: The records and the queue.
        board: Where workers tell that they hold requests back.
        balance: Asks Hautech for the credits left; None when there is no way to sign in.
    """

    def __init__(
        self, world: RecordWorld, board: NoticeBoard, balance: Callable[[], Decimal] | None
    ) -> None:
        self._world = world
        self._board = board
        self._balance = balance

    def figures(self, report: ReconcileReport, budget: WorkBudget) -> Iterator[Figure]:
        """What the run of reconcile did, and what can be found out. Never raises."""
        yield names.JOBS_WOKEN, float(len(report.woken))
        yield from self._asked("jobs in flight", self._in_flight)
        yield from self._asked("the oldest pipeline", self._oldest)
        yield from self._asked("the circuit", self._circuit)
        if self._balance is not None and budget.remaining_s() > _BALANCE_S:
            yield from self._called("the balance", self._balance)

    def _in_flight(self) -> Iterator[Figure]:
        yield names.JOBS_IN_FLIGHT, float(self._world.queue.jobs_in_flight())

    def _oldest(self) -> Iterator[Figure]:
        now = self._world.now()
        running = self._world.store.unchanged_since(now, JobState.RUNNING)
        ages_s = [self._age_s(summary.request_id) for summary in islice(running, _OLDEST)]
        yield names.OLDEST_PIPELINE_AGE_SECONDS, max(ages_s, default=0.0)

    def _age_s(self, request_id: str) -> float:
        """The age of the oldest pipeline of a job that runs; 0 if none does any more."""
        try:
            job = self._world.store.load(request_id)
        except JobDocumentError:  # of a newer release, which tells its age
            return 0.0
        if job is None or job.state is not JobState.RUNNING:
            return 0.0
        runs = [step.pipeline for step in job.running_steps() if step.pipeline]
        begun = min((run.submitted_at for run in runs), default=self._world.now())
        return max(0.0, (self._world.now() - begun).total_seconds())

    def _circuit(self) -> Iterator[Figure]:
        notice = self._board.read()
        yield names.CIRCUIT_OPEN, float(holds_requests(notice, at=self._world.now()))

    def _called(self, what: str, call: Callable[[], Decimal]) -> Iterator[Figure]:
        """A figure that Hautech tells. The call counts like any other."""

        def ask() -> Iterator[Figure]:
            yield names.HAUTECH_BALANCE, float(call())

        yield names.HAUTECH_CALLS, 1.0
        found = list(self._asked(what, ask))
        yield from found or [(names.HAUTECH_ERRORS, 1.0)]

    def _asked(self, what: str, ask: Callable[[], Iterator[Figure]]) -> Iterator[Figure]:
        try:
            yield from list(ask())
        except Exception as error:  # noqa: BLE001 - one figure less, and reconcile has done its work
            _log.warning(
                f"no figure for {what}: {text_of(error)}", action="figure_unknown", figure=what
            )
