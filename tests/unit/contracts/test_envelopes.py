from __future__ import annotations

import json
from typing import Any

import pytest

from worker.contracts.envelopes import unwrap
from worker.errors import MalformedRequestError

REQUEST = {"requestId": "r-1"}


def sns(body: Any) -> dict:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:1:t", "Message": text}


def event_bridge(detail: Any) -> dict:
    return {"detail-type": "GenerationRequested", "source": "shop", "detail": detail}


@pytest.mark.parametrize(
    "body",
    [
        REQUEST,
        sns(REQUEST),
        event_bridge(REQUEST),
        sns(event_bridge(REQUEST)),
        sns(sns(event_bridge(REQUEST))),
    ],
    ids=["raw", "sns", "eventbridge", "eventbridge-in-sns", "three envelopes"],
)
def test_request_is_found_in_every_envelope(body: Any) -> None:
    assert unwrap(json.dumps(body)) == REQUEST
    assert unwrap(json.dumps(body).encode()) == REQUEST


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([REQUEST], "the message is a list of 1, not a JSON object"),
        ("requests/", 'the message is "requests/", not a JSON object'),
        (sns("[1]"), "Message of the SNS notification in the message is a list of 1"),
        (sns('{"a" 1}'), "SNS notification in the message is not JSON: .* line 1, column 6"),
        (sns(REQUEST) | {"Message": 7}, "is 7, not text"),
        (event_bridge("text"), 'detail of the EventBridge event in the message is "text"'),
        ({"Type": "SubscriptionConfirmation", "Token": "t"}, "subscribe the queue with the SQS"),
        (sns(sns(sns(sns(REQUEST)))), "more than 3 SNS or EventBridge envelopes"),
    ],
)
def test_envelope_without_a_request_is_named(body: Any, said: Any) -> None:
    with pytest.raises(MalformedRequestError, match=said):
        unwrap(json.dumps(body))


def test_token_of_a_subscription_confirmation_is_not_repeated() -> None:
    with pytest.raises(MalformedRequestError) as caught:
        unwrap(json.dumps({"Type": "SubscriptionConfirmation", "Token": "canary-token"}))
    assert "canary" not in caught.value.message


def test_event_of_s3_is_the_message_and_no_envelope() -> None:
    event = event_bridge({"bucket": {"name": "catalog"}}) | {"source": "aws.s3", "time": "…"}
    assert unwrap(json.dumps(event)) == event
    assert unwrap(json.dumps(sns(event))) == event
