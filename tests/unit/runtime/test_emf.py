"""Lines that CloudWatch reads as metrics: whole, of known names, and never a reason to fail."""

import io
import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from tests.support.logs import all_logs
from tests.unit.runtime.test_metrics import FREE
from worker.adapters.period_tally import Period, PeriodTally
from worker.engine.circuit import CircuitState
from worker.engine.limits import Limits
from worker.errors import ThrottledError
from worker.ports.notices import HoldReason
from worker.runtime import metric_names as names
from worker.runtime.emf import EmfWriter, work_figures

HELD = Limits(
    circuit=CircuitState(reason=HoldReason.HAUTECH_DOWN), pace=FREE.pace, in_flight=FREE.in_flight
)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_has_what_cloudwatch_wants(capsys: pytest.CaptureFixture[str]) -> None:
    EmfWriter("stack").write([(names.JOB_SECONDS, 30.5), (names.JOB_SECONDS, 12.0)])
    (line,) = lines(capsys)
    assert line["service"] == "stack"
    assert line["JobSeconds"] == [30.5, 12.0]
    assert line["_aws"]["Timestamp"] > 0
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "HautechWorker",
            "Dimensions": [["service"]],
            "Metrics": [{"Name": "JobSeconds", "Unit": "Seconds"}],
        }
    ]


def test_the_settings_of_powertools_change_neither_namespace_nor_dimension(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Other")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "other")
    EmfWriter("stack").write([(names.JOBS_WOKEN, 1.0)])
    (line,) = lines(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "HautechWorker"
    assert line["service"] == "stack"


def test_two_writers_do_not_write_into_each_others_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    other = threading.Thread(
        target=lambda: EmfWriter("stack").write([(names.JOBS_FAILED, 1.0)]), daemon=True
    )

    class Stdout(io.StringIO):
        """Lets the other writer write as soon as the first line is begun."""

        def write(self, text: str) -> int:
            written = super().write(text)
            if other.ident is None:
                other.start()
                other.join(timeout=0.2)  # with both guarded by one lock it cannot end here
            return written

    stdout = Stdout()
    monkeypatch.setattr("sys.stdout", stdout)
    EmfWriter("stack").write([(names.JOBS_WOKEN, 1.0)])
    other.join()
    first, second = (json.loads(line) for line in stdout.getvalue().splitlines())
    assert (first["JobsWoken"], second["JobsFailed"]) == ([1.0], [1.0])


def test_no_figures_are_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    EmfWriter("stack").write([])
    EmfWriter("stack").write([(names.HAUTECH_BALANCE, float("inf"))])
    assert not lines(capsys)


def test_more_values_than_one_line_takes_are_several_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    EmfWriter("stack").write((names.JOB_SECONDS, float(number)) for number in range(250))
    written = [value for line in lines(capsys) for value in line["JobSeconds"]]
    assert written == [float(number) for number in range(250)]


def test_a_figure_that_cannot_be_told_spoils_nothing() -> None:
    def broken() -> Any:
        yield names.JOBS_WOKEN, 1.0
        raise RuntimeError("bug")

    with all_logs() as logs:
        EmfWriter("stack").write(broken())
    assert [entry["action"] for entry in logs] == ["metrics_failed"]


def test_an_idle_period_tells_of_the_circuit_only() -> None:
    assert list(work_figures(Period(), FREE)) == [(names.CIRCUIT_OPEN, 0.0)]
    assert list(work_figures(Period(), HELD)) == [(names.CIRCUIT_OPEN, 1.0)]


def test_a_period_tells_what_happened_since_it_was_last_asked() -> None:
    tally = PeriodTally()
    tally.called("run", None)
    tally.called("run", ThrottledError())
    tally.job_over("succeeded", None, 30.0)
    tally.job_over("failed", "image.missing", 1.5)
    tally.refused("request.invalid")
    tally.pipeline_over(25.0, "0.04375")
    tally.pipeline_over(None, None)
    tally.pipeline_over(20.0, "0.00625")
    assert list(work_figures(tally.take(), FREE)) == [
        (names.CIRCUIT_OPEN, 0.0),
        (names.JOBS_SUCCEEDED, 1.0),
        (names.JOBS_FAILED, 1.0),
        (names.REQUESTS_REFUSED, 1.0),
        (names.CREDITS_SPENT, 0.05),
        (names.HAUTECH_CALLS, 2.0),
        (names.HAUTECH_ERRORS, 1.0),
        (names.JOB_SECONDS, 30.0),
        (names.JOB_SECONDS, 1.5),
        (names.PIPELINE_SECONDS, 25.0),
        (names.PIPELINE_SECONDS, 20.0),
    ]
    assert tally.take() == Period()


@pytest.mark.parametrize("text", ["many", "NaN", "Infinity", "", "1e5 credits"])
def test_credits_that_are_no_number_count_nothing(text: str) -> None:
    tally = PeriodTally()
    tally.pipeline_over(1.0, "0.5")
    tally.pipeline_over(1.0, text)
    assert tally.take().credits == Decimal("0.5")
