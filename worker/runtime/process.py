"""`hautech-worker run`: one container process, from its settings to its exit code.

Signals: the first SIGTERM, SIGINT or SIGHUP begins a clean stop that takes 25 s at most. A second one
lets no further piece of work begin and waits for no long poll; it never ends a paid call that is
under way.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

import structlog

from worker.adapters.aws.sqs import SqsQueue
from worker.bootstrap import Application, build_application
from worker.ports.clock import WorkBudget
from worker.runtime.container import Container, ContainerConfig
from worker.runtime.emf import EmfWriter, work_figures
from worker.runtime.emitting import Emitting
from worker.runtime.health import HealthServer
from worker.runtime.metrics import Metrics
from worker.runtime.queues import MessageQueue, PatientDeletes
from worker.runtime.reconciling import Reconciling
from worker.runtime.slots import Kind
from worker.runtime.survey import survey_of
from worker.settings import Settings
from worker.telemetry import configure_logging

_log = structlog.get_logger(__name__)

DELETE_LINGER_S: Final = 1.0
"""How long a delete waits for company, so that ten share a request also at 10 jobs per second."""

RECONCILE_END_S: Final = 1.0
"""How long the exit waits for the job that a run of `reconcile` has in hand."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FINISHED: Final = "finished"


def run_worker(
    settings: Settings, build: Callable[[Settings], Application] = build_application
) -> int:
    """Works until a signal comes, then stops cleanly. Returns the exit code 0.

    Must be called in the main thread, for its signals.

    Raises:
        SettingsError: something that the settings name cannot be used, such as the health port.
    """
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    for warning in settings.warnings:
        _log.warning(warning, action="unknown_setting")
    application = build(settings)
    container = build_container(application)
    metrics = _ReconcileMetrics(application)
    reconcile = metrics.reconcile if settings.emits_metrics else application.engine.reconcile
    reconciling = Reconciling(reconcile)
    with _signals() as arrived, _health(application, container), _emf(application):
        container.start()
        reconciling.start()
        name = arrived.next_name()
        _log.info(f"{name} came", action="signal_received", signal=name)
        reconciling.begin_stop()
        container.begin_stop()
        _finish(container, arrived)
        reconciling.wait_until_ended(RECONCILE_END_S)
    application.close()
    return 0


def build_container(application: Application) -> Container:
    """The container loop on the application's queues and engine."""
    settings = application.settings
    return Container(
        engine=application.engine,
        queues={
            Kind.REQUESTS: _with_patient_deletes(application, application.request_queue),
            Kind.POLLS: _with_patient_deletes(application, application.poll_queue),
        },
        config=ContainerConfig(
            concurrency=settings.concurrency, visibility_s=settings.visibility_s
        ),
    )


def _with_patient_deletes(application: Application, queue: SqsQueue) -> MessageQueue:
    deletes = SqsQueue(application.clients.sqs, queue.queue_url, linger_s=DELETE_LINGER_S)
    return PatientDeletes(queue, deletes)


@contextlib.contextmanager
def _health(application: Application, container: Container) -> Iterator[None]:
    """The health endpoints, if they are on."""
    settings = application.settings
    if settings.health_port is None:
        yield
        return
    metrics = Metrics(engine=application.engine, container=container.state, tally=application.tally)
    server = HealthServer(
        settings.health_host, settings.health_port, container.state, metrics.render
    )
    server.start()
    try:
        yield
    finally:
        server.close()


@contextlib.contextmanager
def _emf(application: Application) -> Iterator[None]:
    """The metrics on stdout, if they are on."""
    settings = application.settings
    if not settings.emits_metrics:
        yield
        return
    engine, period = application.engine, application.period
    emitting = Emitting(
        lambda: work_figures(period.take(), engine.limits()), EmfWriter(settings.metrics_service)
    )
    emitting.start()
    try:
        yield
    finally:
        emitting.stop()


class _ReconcileMetrics:
    """Reconcile, and the figures of the whole service on stdout."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._writer = EmfWriter(application.settings.metrics_service)

    def reconcile(self, budget: WorkBudget) -> None:
        """One run; see `Engine.reconcile`."""
        reconcile = self._application.engine.reconcile
        survey_of(self._application).around(reconcile, budget, self._writer.write)


def _finish(container: Container, arrived: _Arrivals) -> None:
    """Finishes the stop in a thread of its own, so that this one can hear of further signals."""

    def finish() -> None:
        try:
            container.finish_stop()
        finally:
            arrived.close()

    thread = threading.Thread(target=finish, name="finish-stop")
    thread.start()
    while (name := arrived.next_name()) is not None:
        _log.info(f"{name} came again: hurrying", action="signal_repeated", signal=name)
        container.hurry()
    thread.join()


class _Arrivals:
    """The names of the signals that come, one after the other.

        signal ─► CPython writes its number into a socket ─► next_name() reads it

    Nothing of ours runs inside a signal handler, so nothing can be entered twice: a handler that
    put names into a queue hung the process when two signals came at once.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        # Source: Python library reference, signal.set_wakeup_fd: it must not block.
        self._writer.settimeout(0)

    def fileno(self) -> int:
        """Where CPython writes the number of each signal."""
        return self._writer.fileno()

    def next_name(self) -> str | None:
        """Waits for the next signal; None after `close`."""
        while number := self._reader.recv(1)[0]:
            # The numbers of all signals that have a handler arrive, not only of ours.
            if number in _SIGNALS:
                return signal.Signals(number).name
        return None

    def close(self) -> None:
        """Ends the waiting."""
        self._writer.send(b"\0")

    def release(self) -> None:
        """Gives the sockets back."""
        self._reader.close()
        self._writer.close()


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """A Python handler must be there, or the signal would end the process."""


@contextlib.contextmanager
def _signals() -> Iterator[_Arrivals]:
    """Catches the signals; their names arrive one by one."""
    arrived = _Arrivals()
    before = {number: signal.signal(number, _ignore) for number in _SIGNALS}
    wakeup_before = signal.set_wakeup_fd(arrived.fileno(), warn_on_full_buffer=False)
    try:
        yield arrived
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        arrived.release()
