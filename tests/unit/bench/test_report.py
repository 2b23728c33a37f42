"""The page of the bench and its JSON document, from made-up figures."""

import io
import json

import pytest
from rich.console import Console

from bench.figures import Figures, InFlight
from bench.report import show
from bench.result import BenchResult
from bench.targets import BURST, FIVE_BURST, FIVE_STEADY

FIGURES = Figures(
    jobs_per_s=12.3,
    cpu_ms_per_job=30.0,
    floor_cpu_ms_per_job=10.0,
    cpu_ratio=3.0,
    hautech_calls={"images.get": 1.0},
    aws_calls={"sqs.ReceiveMessage": 0.25},
    polls_per_job=1.5,
    lag_p50_s=0.42,
    lag_p95_s=0.9,
    peak_rss_bytes=99_000_000,
    peak_threads=41,
)
UNTIMED = Figures(
    jobs_per_s=4.0,
    cpu_ms_per_job=None,
    floor_cpu_ms_per_job=None,
    cpu_ratio=None,
    hautech_calls={"workflows.run.docs": 1.0},
    aws_calls=None,
    polls_per_job=1.0,
    lag_p50_s=0.3,
    lag_p95_s=0.3,
    peak_rss_bytes=1,
    peak_threads=1,
)
RESULT = BenchResult(
    machine={
        "processor": "a processor",
        "cores": 2,
        "loadAverageBefore": 0.5,
        "python": "3.11",
        "packages": {"botocore": "1", "requests": "2"},
    },
    setup={"jobs": 100},
    figures={BURST: FIGURES, FIVE_BURST: FIGURES, FIVE_STEADY: UNTIMED},
    in_flight=InFlight(
        wanted=1000,
        pending=1000,
        peak_rss_bytes=130_000_000,
        peak_threads=41,
        rss_before_bytes=80_000_000,
        intake_s=50.0,
    ),
    took_s=150.0,
)


@pytest.fixture
def page():
    text = io.StringIO()
    show(RESULT, Console(file=text, width=120))
    return text.getvalue()


def line_of(page, start):
    return next(line for line in page.splitlines() if line.startswith(start)).split()


def test_each_load_has_its_column_and_what_was_not_measured_is_a_dash(page):
    assert line_of(page, "worker / floor")[-5:] == ["3.00", "×", "3.00", "×", "–"]
    assert line_of(page, "sqs.ReceiveMessage")[1:] == ["0.25", "0.25", "–"]
    assert line_of(page, "workflows.run.docs")[1:] == ["–", "–", "1.00"]


def test_aims_are_marked_met_missed_or_not_measured(page):
    assert line_of(page, "SQS requests per job (0 s")[-1] == "✓"
    assert line_of(page, f"CPU per job, as a multiple of the floor ({BURST})")[-1] == "✗"
    assert line_of(page, "peak resident memory")[-5:] == ["120", "MB", "130.00", "MB", "✗"]


def test_the_document_is_plain_json_with_every_figure_and_aim():
    document = json.loads(json.dumps(RESULT.to_json()))
    assert list(document["loads"]) == [BURST, FIVE_BURST, FIVE_STEADY]
    assert document["loads"][BURST]["cpuRatio"] == pytest.approx(3.0)
    assert document["loads"][BURST]["sqsRequestsPerJob"] == pytest.approx(0.25)
    assert document["loads"][FIVE_STEADY]["awsCallsPerJob"] is None
    assert document["inFlight"]["pendingAtOnce"] == 1000
    met = [one["isMet"] for one in document["targets"]]
    assert met == [False, False, True, True, True, True, False]


def test_a_bench_without_the_part_in_flight_says_so():
    result = BenchResult(
        machine=RESULT.machine, setup={}, figures=RESULT.figures, in_flight=None, took_s=1.0
    )
    assert result.to_json()["inFlight"] is None
    assert result.verdicts()[-1].is_met is None
