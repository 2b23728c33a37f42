"""Takes a request out of what SNS and EventBridge wrap around it on the way to the queue.

    SQS body = request
             | SNS notification      { "Type": "Notification", "Message": "<text of a body>" }
             | EventBridge event     { "detail-type": …, "detail": { request } }

Envelopes may be nested (EventBridge to SNS to SQS); the request means the same in each. An
EventBridge event of S3 itself is no envelope but the message: when and what happened stands
outside its `detail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.contracts.json_text import read_json
from worker.contracts.text import shown
from worker.errors import MalformedRequestError

MAX_ENVELOPES = 3
"""EventBridge into SNS into SNS is already unusual; more is a loop or an attack."""


def unwrap(body: str | bytes) -> dict[str, Any]:
    """The innermost JSON object of an SQS message body.

    Raises:
        MalformedRequestError: an envelope or what is in it is no JSON object, or there are too
            many envelopes.
    """
    what = "the message"
    document = _object(read_json(body, what), what)
    for _ in range(MAX_ENVELOPES + 1):
        # Source: SNS developer guide, "Parsing message formats" (HTTP/S and SQS JSON).
        kind = document.get("Type")
        if kind == "Notification" and "Message" in document:
            what = f"the Message of the SNS notification in {what}"
            inner = document["Message"]
            if not isinstance(inner, str):
                raise MalformedRequestError(f"{what} is {shown(inner)}, not text")
            document = _object(read_json(inner, what), what)
        elif kind in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
            raise MalformedRequestError(
                f"{what} is an SNS {kind}, not a request; subscribe the queue with the SQS "
                "protocol, which needs no confirmation"
            )
        # Source: EventBridge user guide, "Event structure".
        elif _is_bridge_event(document) and not is_s3_bridge_event(document):
            what = f"the detail of the EventBridge event in {what}"
            document = _object(document["detail"], what)
        else:
            return document
    raise MalformedRequestError(
        f"the message is wrapped in more than {MAX_ENVELOPES} SNS or EventBridge envelopes; "
        "send the request itself"
    )


def is_s3_bridge_event(document: Mapping[str, Any]) -> bool:
    """Whether this is what S3 tells EventBridge (Source: S3 user guide, "EventBridge event message
    structure").
    """
    return document.get("source") == "aws.s3" and _is_bridge_event(document)


def _is_bridge_event(document: Mapping[str, Any]) -> bool:
    return "detail-type" in document and "detail" in document


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedRequestError(
            f"{what} is {shown(value)}, not a JSON object; "
            'send {"requestId": …, "workflow": …, "input": {…}, "output": …}'
        )
    return value
