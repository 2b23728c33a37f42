"""The aims of the bench: which figure each looks at, and when it is met."""

from dataclasses import replace

import pytest

from bench.figures import Figures, InFlight
from bench.targets import BURST, FIVE_BURST, FIVE_STEADY, verdicts

GOOD = Figures(
    jobs_per_s=10.0,
    cpu_ms_per_job=15.0,
    floor_cpu_ms_per_job=10.0,
    cpu_ratio=1.5,
    hautech_calls={},
    aws_calls={"sqs.ReceiveMessage": 0.6, "s3.GetObject": 2.0},
    polls_per_job=3.0,
    lag_p50_s=0.7,
    lag_p95_s=5.0,
    peak_rss_bytes=1,
    peak_threads=1,
)
ALL_GOOD = {BURST: GOOD, FIVE_BURST: GOOD, FIVE_STEADY: GOOD}
IN_FLIGHT = InFlight(
    wanted=1000,
    pending=1000,
    peak_rss_bytes=120_000_000,
    peak_threads=40,
    rss_before_bytes=1,
    intake_s=50.0,
)


def test_an_aim_is_met_at_its_very_edge():
    found = verdicts(ALL_GOOD, IN_FLIGHT)
    assert [one.is_met for one in found] == [True] * 7


@pytest.mark.parametrize(
    ("load", "worse", "aim"),
    [
        (BURST, {"cpu_ratio": 1.51}, f"CPU per job, as a multiple of the floor ({BURST})"),
        (
            FIVE_BURST,
            {"cpu_ratio": 1.51},
            f"CPU per job, as a multiple of the floor ({FIVE_BURST})",
        ),
        (BURST, {"aws_calls": {"sqs.ReceiveMessage": 0.61}}, f"SQS requests per job ({BURST})"),
        (
            FIVE_BURST,
            {"aws_calls": {"sqs.SendMessageBatch": 0.61}},
            f"SQS requests per job ({FIVE_BURST})",
        ),
        (FIVE_STEADY, {"polls_per_job": 3.1}, f"polls per pipeline ({FIVE_STEADY})"),
        (
            FIVE_STEADY,
            {"lag_p50_s": 0.71},
            f"lag from pipeline end to event, p50 ({FIVE_STEADY})",
        ),
    ],
)
def test_one_worse_figure_misses_exactly_its_own_aim(load, worse, aim):
    found = verdicts({**ALL_GOOD, load: replace(GOOD, **worse)}, IN_FLIGHT)
    assert [one.aim for one in found if one.is_met is False] == [aim]


def test_too_much_memory_misses_its_aim():
    found = verdicts(ALL_GOOD, replace(IN_FLIGHT, peak_rss_bytes=120_000_001))
    assert [one.is_met for one in found] == [True] * 6 + [False]
    assert found[-1].aim == "peak resident memory with 1,000 jobs in flight"


def test_memory_with_fewer_jobs_in_flight_than_wanted_proves_nothing():
    found = verdicts(ALL_GOOD, replace(IN_FLIGHT, pending=999))
    assert found[-1].is_met is None


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert {one.is_met for one in verdicts({}, None)} == {None}
