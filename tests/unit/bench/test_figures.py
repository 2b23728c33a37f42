"""Numbers from observations, without a process or a network."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.figures import FloorObserved, Observed, Series, difference, lags_s, percentile

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

RUN = Observed(
    jobs=10,
    wall_s=2.0,
    cpu_s=0.2,
    peak_rss_bytes=90,
    peak_threads=30,
    hautech_calls={"pipelines.status": 20, "images.get": 10},
    aws_calls=None,
    lags_s=[0.5] * 10,
)
COUNTED = replace(
    RUN,
    cpu_s=None,
    wall_s=20.0,
    aws_calls={"sqs.ReceiveMessage": 3, "sqs.DeleteMessageBatch": 2, "s3.GetObject": 20},
    lags_s=[9.0] * 10,
)


def test_a_percentile_is_always_one_of_the_values():
    values = [float(number) for number in range(1, 21)]
    assert percentile(values, 50) == 10.0
    assert percentile(values, 95) == 19.0
    assert percentile(values, 96) == 20.0
    assert percentile(values, 100) == 20.0
    assert percentile(values, 0) == 1.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0


def test_no_values_have_no_percentile():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_cpu_per_job_is_the_median_of_the_repetitions():
    runs = [replace(RUN, cpu_s=cpu_s) for cpu_s in (0.2, 0.9, 0.3)]
    figures = Series(worker=runs).figures()
    assert figures.cpu_ms_per_job == pytest.approx(30.0)


def test_the_ratio_is_the_median_over_pairs_of_floor_and_worker():
    floor = [FloorObserved(jobs=5, wall_s=1.0, cpu_s=cpu_s) for cpu_s in (0.1, 0.05, 1.0)]
    worker = [replace(RUN, cpu_s=cpu_s) for cpu_s in (0.3, 0.2, 1.0)]
    figures = Series(worker=[*worker, COUNTED], floor=floor).figures()
    assert figures.floor_cpu_ms_per_job == pytest.approx(20.0)
    # 30 ms over 20 ms, 20 over 10, and a slow moment that met both: 100 over 200.
    assert figures.cpu_ratio == pytest.approx(1.5)


def test_without_a_floor_there_is_no_ratio():
    assert Series(worker=[RUN]).figures().cpu_ratio is None


def test_a_worker_that_counts_is_not_timed():
    figures = Series(worker=[RUN, COUNTED]).figures()
    assert figures.cpu_ms_per_job == pytest.approx(20.0)
    assert figures.jobs_per_s == pytest.approx(5.0)
    assert figures.lag_p95_s == pytest.approx(0.5)


def test_a_load_that_was_only_counted_still_has_a_lag():
    figures = Series(worker=[COUNTED]).figures()
    assert figures.cpu_ms_per_job is None
    assert figures.lag_p50_s == pytest.approx(9.0)


def test_sqs_requests_are_those_of_all_kinds_and_of_no_other_service():
    assert Series(worker=[RUN, COUNTED]).figures().sqs_per_job == pytest.approx(0.5)
    assert Series(worker=[RUN]).figures().sqs_per_job is None


def test_polls_are_reads_of_a_pipeline_by_either_route():
    run = replace(RUN, hautech_calls={"pipelines.status": 20, "pipelines.get": 5, "images.get": 9})
    assert Series(worker=[run]).figures().polls_per_job == pytest.approx(2.5)


def test_calls_per_job_weigh_every_job_alike():
    few = replace(RUN, jobs=10, hautech_calls={"images.get": 10})
    many = replace(RUN, jobs=30, hautech_calls={"images.get": 90})
    assert Series(worker=[few, many]).figures().hautech_calls["images.get"] == pytest.approx(2.5)


def test_the_highest_peak_of_all_repetitions_counts():
    figures = Series(worker=[RUN, replace(RUN, peak_rss_bytes=120, peak_threads=41)]).figures()
    assert (figures.peak_rss_bytes, figures.peak_threads) == (120, 41)


def test_nothing_observed_gives_no_figures():
    with pytest.raises(ValueError, match="nothing was observed"):
        Series().figures()


def test_a_difference_knows_counters_that_were_new_and_drops_those_that_stood_still():
    assert difference({"a": 3, "b": 2}, {"a": 5, "b": 2, "c": 1}) == {"a": 2, "c": 1}


def test_a_lag_counts_from_the_last_pipeline_of_a_job():
    found = lags_s(
        {"one": ["pose", "garment"], "two": ["full"]},
        {"one": NOON + timedelta(seconds=7), "two": NOON + timedelta(seconds=1)},
        {
            "pose": NOON + timedelta(seconds=2),
            "garment": NOON + timedelta(seconds=4),
            "full": NOON,
        },
    )
    assert found == [3.0, 1.0]


def test_a_job_without_a_known_pipeline_is_an_error_and_not_left_out():
    with pytest.raises(KeyError):
        lags_s({"one": ["gone"]}, {"one": NOON}, {})
