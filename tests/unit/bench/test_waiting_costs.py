"""What a load costs, worked out by hand beside the code."""

from dataclasses import replace

import pytest

from bench.waiting import costs, prices
from bench.waiting.invocations import PerJob, Share

NONE = Share(
    invocations=0,
    records=0,
    handler_ms=0,
    cpu_ms=0,
    inits=0,
    billed_s=0,
    reckoned_s=0,
    sqs_requests=0,
)
LOAD = PerJob(
    jobs=10,
    staging=replace(NONE, invocations=1, reckoned_s=2.0, sqs_requests=3),
    waiting=replace(NONE, invocations=2, reckoned_s=0.5, sqs_requests=4),
    collecting=replace(NONE, invocations=1, reckoned_s=1.5, sqs_requests=2),
    pending_polls=3,
    calls={
        "dynamodb.PutItem": 3,
        "dynamodb.writeUnits": 9,
        "dynamodb.GetItem": 2,
        "sns.Publish": 1,
        "s3.PutObject": 2,
        "s3.GetObject": 2,
        "hautech.api": 9,
    },
)


def test_a_thousand_jobs_cost_what_aws_lists():
    parts = costs.costs_of(LOAD).parts
    assert parts["Lambda, duration"] == pytest.approx(1000 * 4.0 * 0.5 * 0.0000133334)
    assert parts["Lambda, invocations"] == pytest.approx(1000 * 4 * 0.2e-6)
    assert parts["SQS"] == pytest.approx(1000 * 9 * 0.4e-6)
    assert parts["DynamoDB"] == pytest.approx(1000 * (15 * 0.625e-6 + 2 * 0.125e-6))
    assert parts["SNS"] == pytest.approx(0.0005)
    assert parts["S3"] == pytest.approx(2 * 0.005 + 2 * 0.0004)


def test_who_sleeps_pays_for_the_pipeline_and_the_same_work_but_for_no_record():
    sleeping = costs.costs_of_sleeping(LOAD, 60.0)
    assert sleeping.parts["Lambda, duration"] == pytest.approx(1000 * 63.5 * 0.5 * 0.0000133334)
    assert sleeping.parts["DynamoDB"] == 0
    assert sleeping.parts["S3"] == costs.costs_of(LOAD).parts["S3"]


def test_five_long_polls_of_20_seconds_on_each_of_two_queues_are_what_idleness_costs():
    assert costs.idle_sqs_requests_per_month() == 2 * 5 * 730 * 3600 / 20


def test_a_task_costs_its_hours_and_its_address_spot_takes_off_the_hours_only():
    hour = 0.25 * prices.FARGATE_VCPU_H + 0.5 * prices.FARGATE_GB_H
    assert costs.fargate_usd_per_month(is_spot=False) == pytest.approx(730 * (hour + 0.005))
    assert costs.fargate_usd_per_month(is_spot=True) == pytest.approx(730 * (0.3 * hour + 0.005))


@pytest.mark.parametrize("is_spot", [False, True])
def test_at_the_break_even_both_cost_the_same(is_spot):
    jobs = costs.break_even_jobs_per_month(LOAD, 1.0, is_spot=is_spot)
    on_lambda = costs.idle_usd_per_month(1.0) + jobs / 1000 * costs.costs_of(LOAD).compute
    assert on_lambda == pytest.approx(costs.fargate_usd_per_month(is_spot=is_spot))


def test_where_idleness_alone_costs_more_than_a_task_the_task_is_always_cheaper():
    assert costs.break_even_jobs_per_month(LOAD, 1000.0, is_spot=True) == 0
