"""The numbers of a demo add up."""

from decimal import Decimal

import pytest

from sandbox.demo.report import plain_decimal
from tests.unit.sandbox.demo_reports import a_job, a_report, an_event


def test_the_summary_is_one_line_of_all_jobs() -> None:
    three = [{"step": "x", "pipelineId": "p", "credits": "0.1"}] * 3
    naomi = a_job(event=an_event(pipelines=three))
    failed = a_job(event=an_event(status="failed", pipelines=[]))

    report = a_report(a_job(), naomi, failed)

    assert (
        report.summary
        == "3 jobs, 2 succeeded, 1 failed, 4 pipelines, 0.34375 made-up credits, 9.8 s"
    )


def test_a_job_without_an_event_is_unfinished_and_not_counted_as_success() -> None:
    job = a_job(event=None)

    assert (job.status, len(job.pipelines), job.credits) == ("unfinished", 0, Decimal(0))
    assert a_report(job).succeeded == 0


def test_a_pipeline_whose_price_nobody_told_costs_nothing_in_the_sum() -> None:
    job = a_job(event=an_event(pipelines=[{"step": "x", "pipelineId": "p", "credits": None}]))

    assert job.credits == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.04375", "0.04375"), ("1E+2", "100"), ("0.10", "0.1"), ("0", "0"), ("1.00", "1"), ("1E-7", "0.0000001")],
)  # fmt: skip
def test_credits_are_written_as_people_write_them(value: str, text: str) -> None:
    assert plain_decimal(Decimal(value)) == text
