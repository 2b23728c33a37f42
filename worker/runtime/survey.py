"""How the whole service stands: the figures that no worker counts, asked for when reconcile runs.

    the oldest pipeline ──► reconcile ──► jobs woken, jobs in flight, batches, rules, the circuit, the balance

Each is asked for by itself, for its share of the time that is left, and written when it is known; one
that nobody can tell in that time is left out. An alarm on the age of the oldest pipeline must not go
off, or blind, because the balance cannot be read or a queue hangs; so that age comes first, before
reconcile, whose calls hang where these do.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, islice
from typing import Final

import structlog

from worker.batches.states import BatchState
from worker.engine.notices import holds_requests
from worker.engine.reconcile import ReconcileReport
from worker.engine.telling import text_of
from worker.engine.world import RecordWorld
from worker.errors import UnavailableError
from worker.groundwork import Groundwork
from worker.jobs.document import JobDocumentError
from worker.jobs.job import JobState
from worker.ports.clock import WorkBudget
from worker.ports.notices import NoticeBoard
from worker.runtime import metric_names as names
from worker.runtime.emf import Figure

_log = structlog.get_logger(__name__)

_OLDEST: Final = 20
"""Running jobs whose records are read for the oldest pipeline: those that changed longest ago. A
pipeline that is stuck writes nothing, so it gets among them soon after it was woken."""

_BATCHES_MOST: Final = 1_000
"""Open batches that are counted: those that are silent longest."""

_BALANCE_S: Final = 20.0
"""Time that must be left to ask Hautech for the balance."""

_ANSWER_MOST_S: Final = 15.0
"""No question is waited for longer, however much time is left: reconcile's work comes first."""

_SHARES_BEFORE: Final = 4
"""The question before reconcile gets a fourth of the time at most."""

Write = Callable[[Iterable[Figure]], None]
Ask = Callable[[], Sequence[Figure]]


def survey_of(groundwork: Groundwork) -> Survey:
    """The survey of a worker with these parts. Signs in at Hautech when it is first asked."""

    def balance() -> Decimal:
        return groundwork.hautech.get_balance()

    def are_broken() -> bool:
        told = groundwork.shelf.broken()
        return told is not None and told.source == str(place)

    can_sign_in = groundwork.settings.hautech_credentials is not None
    place = groundwork.settings.drop_rules
    return Survey(
        groundwork.record_world,
        groundwork.board,
        balance if can_sign_in else None,
        are_broken if place else None,
    )


@dataclass(frozen=True, slots=True)
class _Question:
    what: str
    ask: Ask
    needs_s: float = 0.0
    """Not asked with less time left."""
    asked: tuple[Figure, ...] = ()
    """What is true once it was asked, whatever came of it."""
    failed: tuple[Figure, ...] = ()
    """What is true when nothing came of it."""


class Survey:
    """Asks how things stand.

    Args:
        world: The records and the queue.
        board: Where workers tell that they hold requests back.
        balance: Asks Hautech for the credits left; None when there is no way to sign in.
        rules_are_broken: Whether a worker found the rules file broken; None when there is none.
    """

    def __init__(
        self,
        world: RecordWorld,
        board: NoticeBoard,
        balance: Callable[[], Decimal] | None,
        rules_are_broken: Callable[[], bool] | None = None,
    ) -> None:
        self._world = world
        self._board = board
        self._balance = balance
        self._rules_are_broken = rules_are_broken

    def around(
        self,
        reconcile: Callable[[WorkBudget], ReconcileReport],
        budget: WorkBudget,
        write: Write,
    ) -> ReconcileReport:
        """Runs reconcile, and writes what it did and what can be found out, also when it fails.

        Raises nothing but what reconcile raises.
        """
        oldest_s = _share_s(budget, _SHARES_BEFORE)
        write(_answer(_Question("the oldest pipeline", self._oldest), oldest_s))
        try:
            report = reconcile(budget)
            write([(names.JOBS_WOKEN, float(len(report.woken)))])
        finally:
            self._ask_the_rest(budget, write)
        return report

    def _ask_the_rest(self, budget: WorkBudget, write: Write) -> None:
        questions = list(self._questions())
        for number, question in enumerate(questions):
            if budget.remaining_s() >= question.needs_s:
                write(_answer(question, _share_s(budget, len(questions) - number)))

    def _questions(self) -> Iterator[_Question]:
        yield _Question("jobs in flight", self._in_flight)
        yield _Question("open batches", self._open_batches)
        are_broken = self._rules_are_broken
        if are_broken is not None:
            yield _Question("the rules", lambda: [(names.RULES_BROKEN, float(are_broken()))])
        yield _Question("the circuit", self._circuit)
        balance = self._balance
        if balance is not None:
            yield _Question(  # a call to Hautech counts like any other
                "the balance",
                lambda: [(names.HAUTECH_BALANCE, float(balance()))],
                needs_s=_BALANCE_S,
                asked=((names.HAUTECH_CALLS, 1.0),),
                failed=((names.HAUTECH_ERRORS, 1.0),),
            )

    def _in_flight(self) -> Sequence[Figure]:
        return [(names.JOBS_IN_FLIGHT, float(self._world.queue.jobs_in_flight()))]

    def _open_batches(self) -> Sequence[Figure]:
        now = self._world.now()
        found = chain.from_iterable(
            self._world.batches.unchanged_since(now, state)
            for state in BatchState
            if not state.is_final
        )
        silent_s = [(now - one.updated_at).total_seconds() for one in islice(found, _BATCHES_MOST)]
        return [
            (names.BATCHES_OPEN, float(len(silent_s))),
            (names.OLDEST_BATCH_SILENCE_SECONDS, max(silent_s, default=0.0)),
        ]

    def _oldest(self) -> Sequence[Figure]:
        now = self._world.now()
        running = self._world.store.unchanged_since(now, JobState.RUNNING)
        ages_s = [self._age_s(summary.request_id) for summary in islice(running, _OLDEST)]
        return [(names.OLDEST_PIPELINE_AGE_SECONDS, max(ages_s, default=0.0))]

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

    def _circuit(self) -> Sequence[Figure]:
        notice = self._board.read()
        return [(names.CIRCUIT_OPEN, float(holds_requests(notice, at=self._world.now())))]


def _share_s(budget: WorkBudget, shares: int) -> float:
    """How long a question is waited for, of so many that have to share the time."""
    return min(_ANSWER_MOST_S, budget.remaining_s() / shares)


def _answer(question: _Question, timeout_s: float) -> list[Figure]:
    """The figures of a question; one that cannot be answered in time is logged. Never raises."""
    try:
        return [*question.asked, *_in_time(question.ask, timeout_s)]
    except Exception as error:  # noqa: BLE001 - one figure less, and reconcile goes on
        what = question.what
        _log.warning(
            f"no figure for {what}: {text_of(error)}", action="figure_unknown", figure=what
        )
        return [*question.asked, *question.failed]


def _in_time(ask: Ask, timeout_s: float) -> Sequence[Figure]:
    """What `ask` answers. One that takes longer is left to its own timeouts, in its thread.

    Raises UnavailableError when no answer comes in time, else what `ask` raises.
    """
    if timeout_s <= 0.0:
        raise UnavailableError("no time is left to ask")
    answers: queue.SimpleQueue[Sequence[Figure] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except Exception as error:  # noqa: BLE001 - raised again, where somebody waits for it
            answers.put(error)

    threading.Thread(target=run, name="survey", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise UnavailableError(f"no answer within {math.floor(timeout_s)} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
