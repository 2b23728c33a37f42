"""The Lambda functions: `handle_requests`, `handle_polls` and `handle_reconcile`. No rules in here.

    init        imports; the settings; the clients that this function uses     (once, at full speed)
    first call  the engine, whose leases last as long as a call can
    each call   the records of the batch ─► outcomes ─► what Lambda must keep

Settings that cannot work end the init, or the first call, with all that is wrong with them; the
messages stay in their queue. Lambda tells a function its name in `_HANDLER`; imported by anything
else, this module makes nothing before it is called.
"""

from __future__ import annotations

import gc

# What a start makes stays: to look for garbage among it would be a tenth of the start, for nothing.
gc.disable()

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import structlog

from worker.adapters.aws.sqs import SqsQueue
from worker.adapters.period_tally import PeriodTally
from worker.bootstrap import PAID_CALL_S, Application, build_application
from worker.engine.engine import Engine
from worker.engine.reconcile import reconcile
from worker.errors import Problem, SettingsError
from worker.runtime.emf import EmfWriter, work_figures
from worker.runtime.lambda_batch import BatchRunner, Handle
from worker.runtime.lambda_event import batch_response, messages_in
from worker.runtime.lambda_time import ANSWERS_S, BEGIN_S, Context, InvocationTime
from worker.runtime.slots import Kind
from worker.runtime.survey import survey_of
from worker.settings import load_settings
from worker.telemetry import configure_logging

_log = structlog.get_logger(__name__)

SHORTEST_S: Final = math.ceil(PAID_CALL_S + BEGIN_S + ANSWERS_S)
"""A function with a shorter timeout could never begin a paid call: messages would come and go
until their queue gives them up."""

LONGEST_REST_S: Final = 1_200.0
"""How long a request rests at most, give or take a fifth, while requests are held: Lambda receives
them all the same. With this, the 90 deliveries after which one has to be decided take 28 hours."""

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


class _BatchFunction:
    """The function of one queue, with all that it uses."""

    def __init__(
        self,
        application: Application,
        kind: Kind,
        queue: SqsQueue,
        method: Callable[[Engine], Handle],
    ) -> None:
        self._application = application
        self._kind = kind
        self._queue = queue
        self._method = method
        self._engine: Engine | None = None
        self._runner: BatchRunner | None = None
        self._lease_s = 0
        self._period = PeriodTally()
        self._metrics = EmfWriter(application.settings.metrics_service)
        application.make_clients()

    def handle(self, event: Any, context: Context) -> dict[str, Any]:
        """One invocation."""
        time = InvocationTime(context.get_remaining_time_in_millis)
        timeout_s = time.left_s()
        messages = messages_in(event)
        if self._runner is None or self._engine is None or timeout_s > self._lease_s:
            # Once, but for a first call whose time an init took a part of (Lambda repeats one that
            # failed or took 10 s within the call): its leases would be too short for the others.
            if self._runner is not None:
                self._runner.retire()
            self._engine, self._runner = self._made(timeout_s)
            self._lease_s = math.ceil(timeout_s)
        kept = self._runner.run(messages, time)
        self._metrics.write(work_figures(self._period.take(), self._engine.limits()))
        return batch_response([message.message_id for message in messages], kept)

    def _made(self, timeout_s: float) -> tuple[Engine, BatchRunner]:
        if timeout_s < SHORTEST_S:
            rule = "too short to pay for a pipeline and write that down"
            fix = f"at least {SHORTEST_S} s, and six times as much visibility for its queue"
            raise SettingsError(
                [Problem("timeout of the function", f"{timeout_s:.1f} s", rule, fix)]
            )
        # Nobody extends a lease here but the saves of the work itself. No invocation outlives one
        # that it takes, and the queue hides messages six times as long.
        rules = replace(
            self._application.rules,
            lease_s=math.ceil(timeout_s),
            systemic_wait_max_s=LONGEST_REST_S,
        )
        engine = self._application.new_engine(rules, self._period)
        engine.resume()
        return engine, BatchRunner(
            self._kind,
            handle=self._method(engine),
            queue=self._queue,
            concurrency=self._application.settings.concurrency,
        )


class _ReconcileFunction:
    """The function on a schedule. It uses the job table and the polls queue."""

    def __init__(self, application: Application) -> None:
        self._world = application.record_world
        self._survey = survey_of(application)
        self._metrics = EmfWriter(application.settings.metrics_service)

    def handle(self, context: Context) -> dict[str, Any]:
        """One invocation."""
        time = InvocationTime(context.get_remaining_time_in_millis)
        report = self._survey.around(
            lambda budget: reconcile(self._world, budget), time, self._metrics.write
        )
        return {
            "woken": len(report.woken),
            "leftAlone": report.left_alone,
            "unreadable": report.unreadable,
            "unwritable": report.unwritable,
            "isComplete": report.is_complete,
        }


class Functions:
    """The functions of this process, each made when it is first called or prepared.

    Args:
        environ: The settings.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    @cached_property
    def requests(self) -> _BatchFunction:
        """Behind `handle_requests`. Raises SettingsError, then and the next time."""
        application = self._application("WORKER_REQUEST_QUEUE_URL", *_BATCH_NEEDS)
        return _BatchFunction(
            application,
            Kind.REQUESTS,
            application.request_queue,
            lambda engine: engine.handle_request,
        )

    @cached_property
    def polls(self) -> _BatchFunction:
        """Behind `handle_polls`. Raises SettingsError, then and the next time."""
        application = self._application(*_BATCH_NEEDS)
        return _BatchFunction(
            application, Kind.POLLS, application.poll_queue, lambda engine: engine.handle_poll
        )

    @cached_property
    def reconcile(self) -> _ReconcileFunction:
        """Behind `handle_reconcile`. Raises SettingsError, then and the next time."""
        return _ReconcileFunction(self._application(*_RECONCILE_NEEDS))

    def prepare(self, handler: str) -> None:
        """Makes what the handler of that full name needs. Another one's name is no concern of ours."""
        module, _, name = handler.rpartition(".")
        if module.replace("/", ".") == __name__ and name.startswith("handle_"):
            getattr(self, name.removeprefix("handle_"), None)

    def _application(self, *needs: str) -> Application:
        settings = load_settings(self._environ, needs=needs)
        configure_logging(log_format=settings.log_format, level=settings.log_level)
        for warning in settings.warnings:
            _log.warning(warning, action="unknown_setting")
        return build_application(settings)


_functions = Functions(os.environ)
try:
    # Lambda gives an init more CPU than most functions have later, and does not wait with it for work.
    _functions.prepare(os.environ.get("_HANDLER", ""))
finally:
    gc.freeze()  # nor do invocations look through what the start made
    gc.enable()
