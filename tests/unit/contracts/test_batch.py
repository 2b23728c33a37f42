"""The batch message: what it must say, and that all that is wrong is told at once."""

import json
from typing import Any

import pytest

from tests.builders import INPUT_BUCKETS, NOON, OUTPUT_BUCKETS, request
from worker.contracts.batch import BatchMessage, batch_digest, parse_batch
from worker.contracts.batch_event import BatchCounts, BatchData, batch_attributes, batch_event
from worker.contracts.follow import FollowMessage, parse_follow
from worker.contracts.poll import PollMessage
from worker.contracts.request import content_digest, parse_request
from worker.contracts.s3_uri import S3Uri
from worker.errors import InvalidRequestError

REQUEST = {"workflow": "full-naomi", "output": "s3://shop/{season}/"}
MESSAGE: dict[str, Any] = {
    "batchId": "spring-24",
    "manifest": "s3://catalog/spring.csv?versionId=7",
    "request": REQUEST,
}


def parse(document: Any) -> BatchMessage:
    return parse_batch(
        json.dumps(document), input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS
    )


def problems_of(document: Any) -> list[str]:
    with pytest.raises(InvalidRequestError) as refused:
        parse(document)
    return [str(problem) for problem in refused.value.problems]


def test_a_manifest_and_a_matrix_are_both_batches() -> None:
    assert parse(MESSAGE).manifest_uri == S3Uri("catalog", "spring.csv", "7")
    matrix = {"imageId": ["s3://catalog/a.png"], "seed": [1, 2]}
    found = parse({**MESSAGE, "manifest": None, "matrix": matrix})
    assert list(found.matrix or {}) == ["imageId", "seed"]


def test_a_batch_in_an_sns_envelope_is_the_same_batch() -> None:
    envelope = {"Type": "Notification", "Message": json.dumps(MESSAGE)}
    assert batch_digest(parse(envelope)) == batch_digest(parse(MESSAGE))


def test_all_problems_are_told_at_once() -> None:
    told = problems_of(
        {
            "batchId": "spring 24",
            "manifest": "s3://other/x.csv",
            "matrix": {"seed": []},
            "request": {"output": "s3://elsewhere/{sku}/"},
            "creditCap": "much",
            "credits": 3,
        }
    )
    expected = (
        "batchId: ",
        'manifest: s3://other/x.csv: bucket "other" is not in WORKER_INPUT_BUCKETS',
        "matrix: an object with 1 key(s): stands beside manifest",
        'matrix: an object with 1 key(s): "seed": every list needs',
        'request.output: s3://elsewhere/: bucket "elsewhere" is not in WORKER_OUTPUT_BUCKETS',
        'creditCap: "much": must be a decimal number as text',
        "credits: 3: is not a field",
    )
    for begin in expected:
        assert any(one.startswith(begin) for one in told), (begin, told)
    assert len(told) == len(expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"manifest": None}, "manifest: is required, unless there is a matrix"),
        ({"manifest": "s3://catalog/folder/"}, "manifest: s3://catalog/folder/: names a folder"),
        ({"manifest": None, "matrix": {"a": [1] * 400, "b": [1] * 400}}, "makes 160,000 rows"),
        ({"request": {}}, "resultsTo: is required when request has no output"),
        ({"request": {"output": "{place}"}}, "resultsTo: is required when request has no output"),
        ({"request": {"output": "shop/x"}}, "request.output: "),
        ({"resultsTo": "s3://other/"}, 'bucket "other" is not in WORKER_OUTPUT_BUCKETS'),
        ({"creditCap": "0"}, "more than 0"),
        (
            {"request": {**MESSAGE["request"], "input": {"prompt": "a {colour jacket"}}},
            'request.input.prompt: "a {colour jacket": has a single "{"; for the brace itself',
        ),
        ({"batchId": "x" * 101}, "must be 1 to 100 of"),
    ],
)
def test_each_rule_says_what_it_wants(change: dict[str, Any], said: str) -> None:
    assert any(said in one for one in problems_of({**MESSAGE, **change}))


def test_the_order_of_a_matrix_is_part_of_what_is_asked_for() -> None:
    def digest(matrix: Any) -> str:
        return batch_digest(parse({"batchId": "b", "matrix": matrix, "request": REQUEST}))

    assert digest({"a": [1], "b": [2]}) != digest({"b": [2], "a": [1]})
    assert digest({"a": [1], "b": [2]}) == digest({"a": [1], "b": [2]})


def test_follow_and_poll_messages_are_told_apart() -> None:
    follow = FollowMessage(batch_id="b", ticket=3)
    assert parse_follow(follow.dumps()) == follow
    assert parse_follow(PollMessage(request_id="b", ticket=3).dumps()) is None
    assert parse_follow('{"batchId": 7}') is None


def test_the_attributes_of_the_event_say_what_a_filter_needs() -> None:
    data = BatchData(
        batch_id="b",
        status="partial",
        counts=BatchCounts(rows=2, succeeded=1, failed=1),
        accepted_at=NOON,
        completed_at=NOON,
        total_s=0,
    )
    event = batch_event(event_id="1", at=NOON, data=data)
    assert batch_attributes(event) == {
        "type": "ai.hautech.batch.completed",
        "status": "partial",
        "batchId": "b",
    }


def test_an_origin_is_part_of_a_request_and_none_changes_no_digest() -> None:
    # The digest of a request that was accepted before there was an origin must stay what it was.
    assert content_digest(request()) == (
        "0169d3154b284bb9b69ee879ce02c332841bf49665c28ac380020fbc8926d99e"
    )
    origin = {"batch": {"id": "b", "row": 3}}
    with_origin = request(origin=origin)
    assert content_digest(with_origin) != content_digest(request())
    again = parse_request(
        with_origin.model_dump_json(exclude_unset=True),
        input_buckets=INPUT_BUCKETS,
        output_buckets=OUTPUT_BUCKETS,
    )
    assert content_digest(again) == content_digest(with_origin)


def test_the_list_of_results_cannot_replace_the_manifest() -> None:
    message = {**MESSAGE, "manifest": "s3://both/spring.csv?versionId=7"}
    both = frozenset({"both", "shop"})

    def parse_in_both(results_to: str) -> BatchMessage:
        text = json.dumps({**message, "resultsTo": results_to})
        return parse_batch(text, input_buckets=both, output_buckets=both)

    assert parse_in_both("s3://both/spring.jsonl").results_to
    with pytest.raises(InvalidRequestError, match="is the manifest"):
        parse_in_both("s3://both/spring.csv")
