"""A Lambda function behind a queue: batches in, and what Lambda has to keep out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from worker.adapters.aws.sqs import SqsQueue
from worker.adapters.period_tally import PeriodTally
from worker.bootstrap import Application, build_application
from worker.engine.engine import Engine
from worker.errors import Problem, SettingsError
from worker.groundwork import PAID_CALL_S
from worker.runtime.emf import EmfWriter, work_figures
from worker.runtime.lambda_batch import BatchRunner, Handle
from worker.runtime.lambda_event import batch_response, messages_in
from worker.runtime.lambda_time import ANSWERS_S, BEGIN_S, Context, InvocationTime
from worker.runtime.slots import Kind
from worker.settings import Settings

SHORTEST_S: Final = math.ceil(PAID_CALL_S + BEGIN_S + ANSWERS_S)
"""A function with a shorter timeout could never begin a paid call: messages would come and go
until their queue gives them up."""

LONGEST_REST_S: Final = 1_200.0
"""How long a request rests at most, give or take a fifth, while requests are held: Lambda receives
them all the same. With this, the 90 deliveries after which one has to be decided take 28 hours."""


class QueueFunction:
    """The function of one queue, with all that it uses.

    Raises:
        SettingsError: a setting that it needs is unusable.
    """

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


def requests_function(settings: Settings) -> QueueFunction:
    """Behind `handle_requests`. Raises as `QueueFunction` does."""
    application = build_application(settings)
    return QueueFunction(
        application,
        Kind.REQUESTS,
        application.request_queue,
        lambda engine: engine.handle_request,
    )


def polls_function(settings: Settings) -> QueueFunction:
    """Behind `handle_polls`. Raises as `QueueFunction` does."""
    application = build_application(settings)
    return QueueFunction(
        application, Kind.POLLS, application.poll_queue, lambda engine: engine.handle_poll
    )
