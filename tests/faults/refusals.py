"""How each service words a refusal: throttled, broken, expired credentials, a clock that is off.

Sources: the error lists of the S3, SQS, SNS, DynamoDB and Secrets Manager API references, "Common
Error Types" of the AWS general reference, and section 12 of the notes about the Hautech API.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, Literal

Refusal = Literal["throttled", "broken", "expired", "skewed"]

_JSON: Final = "application/x-amz-json-1.0"
_PREFIXES: Final = {
    "sqs": "com.amazonaws.sqs#",
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "secrets": "",
}
_CODES: Final[dict[str, dict[Refusal, tuple[int, str]]]] = {
    "sqs": {
        "throttled": (400, "RequestThrottled"),
        "broken": (503, "ServiceUnavailable"),
        "expired": (403, "ExpiredTokenException"),
        "skewed": (400, "InvalidSignatureException"),
    },
    "dynamodb": {
        "throttled": (400, "ProvisionedThroughputExceededException"),
        "broken": (500, "InternalServerError"),
        "expired": (400, "ExpiredTokenException"),
        "skewed": (400, "InvalidSignatureException"),
    },
    "secrets": {
        "throttled": (400, "ThrottlingException"),
        "broken": (500, "InternalServiceError"),
        "expired": (400, "ExpiredTokenException"),
        "skewed": (400, "InvalidSignatureException"),
    },
    "s3": {
        "throttled": (503, "SlowDown"),
        "broken": (500, "InternalError"),
        "expired": (400, "ExpiredToken"),
        "skewed": (403, "RequestTimeTooSkewed"),
    },
    "sns": {
        "throttled": (400, "Throttling"),
        "broken": (500, "InternalFailure"),
        "expired": (403, "ExpiredToken"),
        "skewed": (403, "SignatureDoesNotMatch"),
    },
}
_HAUTECH: Final[dict[Refusal, tuple[int, str]]] = {
    "throttled": (429, "ThrottlerException: Too Many Requests"),
    "broken": (503, "Service Unavailable"),
    "expired": (401, "Unauthorized"),
}


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An HTTP answer, its body whole."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


def refusal(call: str, kind: Refusal) -> RawAnswer:
    """The answer with which the call's service refuses it."""
    service = call.partition(".")[0]
    if service == "hautech":
        status, message = _HAUTECH[kind]
        headers = [("Content-Type", "application/json; charset=utf-8")]
        if kind == "throttled":
            headers.append(("Retry-After", "2"))
        body = json.dumps({"statusCode": status, "message": message}).encode()
        return RawAnswer(status, tuple(headers), body)
    status, code = _CODES[service][kind]
    if service == "s3":
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>'
            f"<Message>{kind}</Message><RequestId>0</RequestId></Error>"
        )
        return RawAnswer(status, (("Content-Type", "application/xml"),), xml.encode())
    if service == "sns":
        xml = (
            '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>'
            f"<Type>Sender</Type><Code>{code}</Code><Message>{kind}</Message></Error>"
            "<RequestId>0</RequestId></ErrorResponse>"
        )
        return RawAnswer(status, (("Content-Type", "text/xml"),), xml.encode())
    text = json.dumps({"__type": _PREFIXES[service] + code, "message": kind})
    return RawAnswer(status, (("Content-Type", _JSON),), text.encode())
