"""Metrics for CloudWatch: lines on stdout in its embedded metric format, which it reads from the logs.

No call is made and nothing is waited for. Telling must never spoil what is told about: a line that
cannot be written is logged and forgotten.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator
from typing import Final

import structlog
from aws_lambda_powertools.metrics import EphemeralMetrics

from worker.adapters.period_tally import Period
from worker.engine.limits import Limits
from worker.runtime import metric_names as names
from worker.runtime.metric_names import MetricName

_log = structlog.get_logger(__name__)

Figure = tuple[MetricName, float]

# Of the process, since it has one stdout: `print` writes a line and its end one after the other.
_STDOUT: Final = threading.Lock()


class EmfWriter:
    """Writes figures, all with the one dimension.

    Args:
        service: The dimension's value: the name of the resources stack.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def write(self, figures: Iterable[Figure]) -> None:
        """Writes the figures; several of one name are values of one metric. Never raises."""
        try:
            with _STDOUT:
                self._write(figures)
        except Exception:  # noqa: BLE001 - whatever it is, the work is done and only a figure is lost
            _log.exception("a bug: metrics could not be written", action="metrics_failed")

    def _write(self, figures: Iterable[Figure]) -> None:
        # The other class, Metrics, shares its figures with all others of the process.
        metrics = EphemeralMetrics(namespace=names.NAMESPACE, service=self._service)
        for name, value in figures:
            # JSON has no word for the others, and CloudWatch takes none.
            if math.isfinite(value):
                metrics.add_metric(name=name.name, unit=name.unit, value=value)
        if metrics.metric_set:
            metrics.flush_metrics()


def work_figures(period: Period, limits: Limits) -> Iterator[Figure]:
    """What an engine did in a period, and whether it holds requests back now.

    What did not happen has no figure: a line of zeros costs as much as one that says something.
    """
    counts: Final = (
        (names.JOBS_SUCCEEDED, period.succeeded),
        (names.JOBS_FAILED, period.failed),
        (names.REQUESTS_REFUSED, period.refused),
        (names.CREDITS_SPENT, float(period.credits)),
        (names.HAUTECH_CALLS, period.calls),
        (names.HAUTECH_ERRORS, period.failed_calls),
    )
    yield names.CIRCUIT_OPEN, float(limits.circuit.reason is not None)
    yield from ((name, float(count)) for name, count in counts if count)
    yield from ((names.JOB_SECONDS, took_s) for took_s in period.jobs_s)
    yield from ((names.PIPELINE_SECONDS, took_s) for took_s in period.pipelines_s)
