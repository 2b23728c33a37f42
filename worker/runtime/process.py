"""`hautech-worker run`: one container process, from its settings to its exit code.

Signals: the first SIGTERM or SIGINT begins a clean stop that takes 25 s at most. A second one
lets no further piece of work begin and waits for no long poll; it never ends a paid call that is
under way.
"""

from __future__ import annotations

import contextlib
import queue
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

import structlog

from worker.adapters.aws.sqs import SqsQueue
from worker.bootstrap import Application, build_application
from worker.runtime.container import Container, ContainerConfig
from worker.runtime.health import HealthServer
from worker.runtime.queues import MessageQueue, PatientDeletes
from worker.runtime.slots import Kind
from worker.settings import Settings
from worker.telemetry import configure_logging

_log = structlog.get_logger(__name__)

DELETE_LINGER_S: Final = 1.0
"""How long a delete waits for company, so that ten share a request also at 10 jobs per second."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_FINISHED: Final = "finished"


def run_worker(settings: Settings) -> int:
    """Works until a signal comes, then stops cleanly. Returns the exit code 0.

    Must be called in the main thread, for its signals.

    Raises:
        SettingsError: something that the settings name cannot be used, such as the health port.
    """
    configure_logging(log_format=settings.log_format, level=settings.log_level)
    for warning in settings.warnings:
        _log.warning(warning, action="unknown_setting")
    application = build_application(settings)
    container = build_container(application)
    with _signals() as arrived, _health(settings, container):
        container.start()
        name = arrived.get()
        _log.info(f"{name} came", action="signal_received", signal=name)
        container.begin_stop()
        _finish(container, arrived)
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
def _health(settings: Settings, container: Container) -> Iterator[None]:
    """The health endpoints, if they are on."""
    if settings.health_port is None:
        yield
        return
    server = HealthServer(settings.health_host, settings.health_port, container.state)
    server.start()
    try:
        yield
    finally:
        server.close()


def _finish(container: Container, arrived: queue.SimpleQueue[str]) -> None:
    """Finishes the stop in a thread of its own, so that this one can hear of further signals."""

    def finish() -> None:
        try:
            container.finish_stop()
        finally:
            arrived.put(_FINISHED)

    threading.Thread(target=finish, name="stop", daemon=True).start()
    while (name := arrived.get()) != _FINISHED:
        _log.info(f"{name} came again: hurrying", action="signal_repeated", signal=name)
        container.hurry()


@contextlib.contextmanager
def _signals() -> Iterator[queue.SimpleQueue[str]]:
    """Catches the signals; their names arrive in the queue.

    A handler runs in the main thread between any two steps of it, so it must take no lock that
    the main thread may hold: an Event would be one. SimpleQueue.put is made for this (Source:
    Python library reference, queue.SimpleQueue).
    """
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    def handle(number: int, _frame: FrameType | None) -> None:
        arrived.put(signal.Signals(number).name)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
