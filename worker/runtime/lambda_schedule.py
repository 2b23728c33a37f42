"""The Lambda function on a schedule. It needs no engine, and does not import one."""

from __future__ import annotations

from typing import Any

from worker.engine.reconcile import reconcile
from worker.groundwork import Groundwork
from worker.runtime.emf import EmfWriter
from worker.runtime.lambda_time import Context, InvocationTime
from worker.runtime.survey import survey_of
from worker.settings import Settings


class ReconcileFunction:
    """Behind `handle_reconcile`. It uses the job table and the polls queue.

    Raises:
        SettingsError: a setting that it needs is unusable.
    """

    def __init__(self, settings: Settings) -> None:
        groundwork = Groundwork(settings)
        self._world = groundwork.record_world
        self._survey = survey_of(groundwork)
        self._metrics = EmfWriter(settings.metrics_service)

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
