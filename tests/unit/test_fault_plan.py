"""The fault matrix is complete: nothing is left out without a reason."""

from collections import Counter

import pytest

from tests.faults.catalogue import CALLS, ENTRY_CALLS, ENTRY_SERVICES, SERVICES, Fault
from tests.faults.plan import all_cells, cell, entry_cells
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


ENTRY_CALLS_OF_THE_ISSUE = {
    "SQS": {"send requests (of a drop)", "send requests (of a batch)", "send a follow message"},
    "S3": {
        "get (the rules)", "head (a dropped photo)", "head (an image", "list", "get (a sidecar)", "get (a manifest)", "copy", "delete",
        "put (a rendition)", "put (an error document)", "put (the list of results)",
        "begin an upload", "upload a part", "complete the upload",
    },
    "DynamoDB": {
        "get (the rules kept)", "put (the rules kept)", "put if absent (a batch)",
        "put if unchanged (a batch)", "get (a batch)", "get (a cancellation)", "get many",
        "put many", "get (look for an asset)", "put if free (claim", "put if none (publish",
        "put if the same (drop",
    },
    "SNS": {"publish (a batch)"},
    "photo lab": {"develop", "reduce"},
}  # fmt: skip


def test_every_outside_call_of_a_job_has_a_row() -> None:
    for service, names in CALLS_OF_THE_ISSUE.items():
        rows = [call.name for call in CALLS if call.service == service]
        for name in names:
            assert any(row.startswith(name) for row in rows), f"{service}: {name}"
    assert {call.service for call in CALLS} == set(SERVICES)


def test_every_outside_call_of_drops_batches_and_the_asset_cache_has_a_row() -> None:
    for service, names in ENTRY_CALLS_OF_THE_ISSUE.items():
        rows = [call.name for call in ENTRY_CALLS if call.service == service]
        for name in names:
            assert any(row.startswith(name) for row in rows), f"{service}: {name}"
    assert {call.service for call in ENTRY_CALLS} == set(ENTRY_SERVICES)


def test_no_two_rows_are_the_same() -> None:
    rows = (*CALLS, *ENTRY_CALLS)
    assert max(Counter((call.service, call.name) for call in rows).values()) == 1
    assert max(Counter((call.wire, call.nth, call.flow) for call in rows).values()) == 1


def test_entries_meet_every_fault_once_in_its_strongest_form() -> None:
    cells = entry_cells()
    assert len(cells) == len(ENTRY_CALLS) * len(Fault)
    for one in cells:
        assert len(one.variants) == (0 if one.reason else 1), f"{one.call.name} × {one.fault}"
        assert one.variants == cell(one.call, one.fault).variants[-1:]


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


@pytest.mark.parametrize(
    "call", [*CALLS, *ENTRY_CALLS], ids=lambda call: f"{call.service}-{call.name}"
)
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
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"},
         b'{"Item": {"pk": {"S": "asset#1"}}}', "dynamodb.put asset"),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"},
         b'{"Item": {"pk": {"S": "job#1"}, "job": {"S": "\\"asset#1\\""}}}', "dynamodb.put"),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"},
         b'{"Item": {"pk": {"S": "durations#v1"}}}', "other"),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.BatchGetItem"},
         b'{"RequestItems": {"t": {"Keys": [{"pk": {"S": "job#a.1"}}]}}}', "dynamodb.get many"),
        ("POST", "/", {"content-type": "application/x-www-form-urlencoded"},
         b"Action=Publish&Message=ai.hautech.batch.completed", "sns.publish batch"),
        ("HEAD", "/bucket/key", {}, b"", "s3.head"),
        ("HEAD", "/images-0a1b/pose.png", {}, b"", "s3.head image"),
        ("GET", "/drops?list-type=2&prefix=inbox%2Fcoat", {}, b"", "s3.list"),
        ("HEAD", "/drops/inbox/coat.jpg?versionId=1", {}, b"", "s3.head photo"),
        ("GET", "/drops/inbox/coat.yaml", {}, b"", "s3.get sidecar"),
        ("PUT", "/drops/processed/spring/coat.jpg", {}, b"", "s3.put photo put aside"),
        ("DELETE", "/drops/inbox/coat.jpg", {}, b"", "s3.delete photo"),
        ("PUT", "/shop/coat/coat-40w.jpg", {}, b"", "s3.put rendition"),
        ("POST", "/shop/a.results.jsonl?uploads", {}, b"", "s3.begin upload"),
        ("PUT", "/shop/a.results.jsonl?uploadId=1&partNumber=2", {}, b"", "s3.put part"),
        ("POST", "/shop/a.results.jsonl?uploadId=1", {}, b"", "s3.end upload"),
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
