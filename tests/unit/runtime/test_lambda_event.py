"""What comes from Lambda is read or refused whole; what goes back can never be misread."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.runtime.lambda_event import NotABatchError, batch_response, messages_in

RECORD: dict[str, Any] = {
    "messageId": "19dd0b57-b21e-4ac1-bd88-01bbb068cb78",
    "receiptHandle": "MessageReceiptHandle",
    "body": '{"requestId": "sku-1042"}',
    "attributes": {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1777885951700",
        "SenderId": "123456789012",
        "ApproximateFirstReceiveTimestamp": "1777885951800",
    },
    "messageAttributes": {
        "colour": {"stringValue": "blue", "dataType": "String"},
        "photo": {"binaryValue": "AAAA", "dataType": "Binary"},
    },
    "md5OfBody": "7b270e59b47ff90a553787216d55d91d",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:requests",
    "awsRegion": "eu-west-1",
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
names = st.sampled_from(["", "a", "b", "c"]) | st.text(max_size=4)
records = st.fixed_dictionaries(
    {"messageId": names},
    optional={
        "receiptHandle": anything,
        "body": anything,
        "attributes": anything
        | st.fixed_dictionaries(
            {}, optional={"ApproximateReceiveCount": anything, "SentTimestamp": anything}
        ),
        "messageAttributes": anything | st.dictionaries(st.text(max_size=3), anything, max_size=2),
        "eventSource": anything,
    },
)


def test_a_record_becomes_the_message_that_it_is() -> None:
    (message,) = messages_in({"Records": [RECORD]})
    assert message.message_id == RECORD["messageId"]
    assert message.receipt_handle == "MessageReceiptHandle"
    assert message.body == RECORD["body"]
    assert message.receive_count == 3
    assert message.sent_at.isoformat() == "2026-05-04T09:12:31.700000+00:00"
    assert message.attributes == {"colour": "blue"}


def test_an_empty_batch_is_answered_with_nothing_to_keep() -> None:
    assert messages_in({"Records": []}) == []
    assert batch_response([], frozenset()) == {"batchItemFailures": []}


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "Records",
        {},
        {"records": [RECORD]},
        {"Records": None},
        {"Records": "abc"},
        {"Records": {"messageId": "a"}},
        {"source": "aws.events", "detail-type": "Scheduled Event"},
        {"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "raw/a.png"}}}]},
    ],
)
def test_what_is_no_batch_of_messages_fails_the_invocation(event: Any) -> None:
    with pytest.raises(NotABatchError):
        messages_in(event)


@pytest.mark.parametrize("name", [None, "", 7, ["a"], {}])
def test_a_record_without_a_name_fails_the_batch_and_says_which(name: Any) -> None:
    with pytest.raises(NotABatchError, match=r"1 of 2 records have no messageId \(number 1\)"):
        messages_in({"Records": [RECORD, {**RECORD, "messageId": name}]})
    with pytest.raises(NotABatchError):
        messages_in({"Records": [RECORD, {}]})
    with pytest.raises(NotABatchError):
        messages_in({"Records": [RECORD, None]})


@given(st.lists(records, max_size=6) | st.lists(records | anything, max_size=3) | anything)
def test_records_of_any_shape_are_all_read_or_refused(found: Any) -> None:
    try:
        messages = messages_in({"Records": found})
    except NotABatchError:
        return
    assert [message.message_id for message in messages] == [one["messageId"] for one in found]
    assert all(message.message_id for message in messages)
    assert all(message.receive_count >= 1 for message in messages)


@given(anything)
def test_events_of_any_shape_are_all_read_or_refused(event: Any) -> None:
    with contextlib.suppress(NotABatchError):
        assert messages_in(event) == []


@given(
    received=st.lists(st.text(min_size=1, max_size=3), max_size=12),
    kept=st.sets(st.text(max_size=3), max_size=12),
    takes_all=st.booleans(),
)
def test_an_answer_names_received_messages_only_and_each_once(
    received: list[str], kept: set[str], takes_all: bool
) -> None:
    answer = batch_response(received, frozenset(received) if takes_all else kept)
    assert json.loads(json.dumps(answer)) == answer
    assert set(answer) == {"batchItemFailures"}
    assert all(set(failure) == {"itemIdentifier"} for failure in answer["batchItemFailures"])
    named = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(named) == len(set(named))
    assert "" not in named
    assert set(named) == set(received) & (set(received) if takes_all else kept)
