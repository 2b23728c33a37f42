"""The fault matrix is complete: nothing is left out without a reason."""

from collections import Counter

import pytest

from tests.faults.catalogue import CALLS, SERVICES, Fault
from tests.faults.plan import all_cells, cell
from tests.faults.refusals import refusal
from tests.faults.strikes import Blow, Strike, Strikes
from tests.faults.wire import name_of

CALLS_OF_THE_ISSUE = {
    "SQS": {"receive", "delete", "change visibility", "send"},
    "S3": {"get", "put", "head"},
    "DynamoDB": {"get", "put if absent", "put if unchanged", "update"},
    "Hautech": {
        "token", "upload: initialize", "upload: PUT", "upload: finalize", "run", "status", "list",
        "pipeline read", "image read", "download",
    },
    "SNS": {"publish"},
    "Secrets Manager": {"read the secret"},
}  # fmt: skip


def test_every_outside_call_of_a_job_has_a_row() -> None:
    for service, names in CALLS_OF_THE_ISSUE.items():
        rows = [call.name for call in CALLS if call.service == service]
        for name in names:
            assert any(row.startswith(name) for row in rows), f"{service}: {name}"
    assert {call.service for call in CALLS} == set(SERVICES)


def test_no_two_rows_are_the_same() -> None:
    assert max(Counter((call.service, call.name) for call in CALLS).values()) == 1
    assert max(Counter((call.wire, call.nth, call.flow) for call in CALLS).values()) == 1


def test_every_call_meets_every_fault_or_says_why_it_cannot() -> None:
    cells = all_cells()
    assert len(cells) == len(CALLS) * len(Fault)
    for one in cells:
        assert bool(one.variants) != bool(one.reason), f"{one.call.name} × {one.fault}"
        names = [variant.name for variant in one.variants]
        assert len(set(names)) == len(names)


def test_a_variant_has_one_cause() -> None:
    for one in all_cells():
        for variant in one.variants:
            assert (variant.blow is None) != (variant.inside is None)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.service}-{call.name}")
def test_the_service_of_every_row_has_its_own_words_for_a_refusal(call) -> None:
    for fault in (Fault.THROTTLED, Fault.SERVER_ERROR, Fault.EXPIRED):
        for variant in cell(call, fault).variants:
            answer = refusal(variant.struck or call.wire, _kind(variant.blow))
            assert answer.status >= 400


def _kind(blow):
    kinds = {Blow.THROTTLED: "throttled", Blow.EXPIRED: "expired"}
    return kinds.get(blow, "broken")


def test_a_strike_hits_the_nth_exchange_and_those_after_it() -> None:
    strikes = Strikes()
    strikes.arm([Strike(call="s3.put", blow=Blow.CUT, nth=2, times=2)])
    blows = [strikes.next_blow(call) for call in ["s3.put", "s3.get"] + ["s3.put"] * 3]
    assert blows == [None, None, Blow.CUT, Blow.CUT, None]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "name"),
    [
        ("POST", "/", {"x-amz-target": "AmazonSQS.ReceiveMessage"}, b'{"QueueUrl":"u"}',
         "sqs.receive polls"),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"}, b"{}", "dynamodb.put"),
        ("POST", "/", {"x-amz-target": "secretsmanager.GetSecretValue"}, b"{}", "secrets.get"),
        ("POST", "/", {"content-type": "application/x-www-form-urlencoded"},
         b"Action=Publish&Version=2010-03-31", "sns.publish"),
        ("HEAD", "/bucket/key", {}, b"", "s3.head"),
    ],
)  # fmt: skip
def test_an_aws_request_is_told_by_its_target_action_or_method(
    method, path, headers, body, name
) -> None:
    assert name_of("aws", method, path, headers, body, {"u": "polls"}) == name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/v1/workflows/run/abc", "hautech.run"),
        ("POST", "/v1/workflows/abc/run", "hautech.run"),
        ("GET", "/v1/pipelines?limit=50", "hautech.list"),
        ("GET", "/v1/pipelines/abc", "hautech.pipeline"),
        ("GET", "/v1/pipelines/abc/status", "hautech.status"),
        ("GET", "/v1/images/abc", "hautech.image"),
        ("GET", "/v1/accounts/self", "other"),
    ],
)
def test_a_hautech_request_is_told_by_its_path(method: str, path: str, name: str) -> None:
    assert name_of("api", method, path, {}, b"", {}) == name
