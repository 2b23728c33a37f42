"""The Lambda functions: `handle_requests`, `handle_polls` and `handle_reconcile`. No rules in here.

    init        the settings; imports; the clients that this function uses     (once, at full speed)
    first call  the engine, whose leases last as long as a call can
    each call   the records of the batch ─► outcomes ─► what Lambda must keep

A function imports what it is made of when it is made, and nothing of the others.
Settings that cannot work end the init, or the first call, with all that is wrong with them; the
messages stay in their queue. Lambda tells a function its name in `_HANDLER`; imported by anything
else, this module makes nothing before it is called.
"""

from __future__ import annotations

import gc

# What a start makes stays: to look for garbage among it would be a tenth of the start, for nothing.
gc.disable()

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import structlog

from worker.settings import Settings, load_settings
from worker.telemetry import configure_logging

if TYPE_CHECKING:
    from worker.runtime.lambda_queue import QueueFunction
    from worker.runtime.lambda_schedule import ReconcileFunction
    from worker.runtime.lambda_time import Context

_log = structlog.get_logger(__name__)

_BATCH_NEEDS: Final = (
    "WORKER_POLL_QUEUE_URL",
    "WORKER_DEAD_LETTER_QUEUE_URL",
    "WORKER_JOB_TABLE",
    "WORKER_RESULT_TOPIC_ARN",
    "WORKER_INPUT_BUCKETS",
    "WORKER_OUTPUT_BUCKETS",
    "HAUTECH_API_TOKEN",
)
_RECONCILE_NEEDS: Final = (
    "WORKER_POLL_QUEUE_URL",
    "WORKER_DEAD_LETTER_QUEUE_URL",
    "WORKER_JOB_TABLE",
)


def handle_requests(event: Any, context: Context) -> dict[str, Any]:
    """Accepts requests: takes a batch of the requests queue, answers with what is to be kept.

    Raises:
        SettingsError: nothing of the batch was touched.
        NotABatchError: the same.
    """
    return _functions.requests.handle(event, context)


def handle_polls(event: Any, context: Context) -> dict[str, Any]:
    """Follows jobs: takes a batch of the polls queue. Raises as `handle_requests` does."""
    return _functions.polls.handle(event, context)


def handle_reconcile(event: Any, context: Context) -> dict[str, Any]:
    """Wakes jobs whose message was lost; to be called every few minutes, the event does not matter.

    Returns how many, for whoever calls it by hand. Raises SettingsError, and errors of the store and
    of the queue: the next call finds what is left.
    """
    del event
    return _functions.reconcile.handle(context)


class Functions:
    """The functions of this process, each made when it is first called or prepared.

    Args:
        environ: The settings.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @cached_property
    def requests(self) -> QueueFunction:
        """Behind `handle_requests`. Raises SettingsError, then and the next time."""
        from worker.runtime.lambda_queue import requests_function  # noqa: PLC0415 - see the top

        return requests_function(self._settings("WORKER_REQUEST_QUEUE_URL", *_BATCH_NEEDS))

    @cached_property
    def polls(self) -> QueueFunction:
        """Behind `handle_polls`. Raises SettingsError, then and the next time."""
        from worker.runtime.lambda_queue import polls_function  # noqa: PLC0415 - see the top

        return polls_function(self._settings(*_BATCH_NEEDS))

    @cached_property
    def reconcile(self) -> ReconcileFunction:
        """Behind `handle_reconcile`. Raises SettingsError, then and the next time."""
        from worker.runtime.lambda_schedule import ReconcileFunction  # noqa: PLC0415 - see the top

        return ReconcileFunction(self._settings(*_RECONCILE_NEEDS))

    def prepare(self, handler: str) -> None:
        """Makes what the handler of that full name needs. Another one's name is no concern of ours."""
        module, _, name = handler.rpartition(".")
        if module.replace("/", ".") == __name__ and name.startswith("handle_"):
            getattr(self, name.removeprefix("handle_"), None)

    def _settings(self, *needs: str) -> Settings:
        settings = load_settings(self._environ, needs=needs)
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        for warning in settings.warnings:
            _log.warning(warning, action="unknown_setting")
        return settings


_functions = Functions(os.environ)
try:
    # Lambda gives an init more CPU than most functions have later, and does not wait with it for work.
    _functions.prepare(os.environ.get("_HANDLER", ""))
finally:
    gc.freeze()  # nor do invocations look through what the start made
    gc.enable()
